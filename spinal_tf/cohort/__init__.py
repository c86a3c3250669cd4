"""The cohort's table: reading, checking, splitting. The schema is in docs/cohort.md."""
