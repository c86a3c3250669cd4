"""The cohort's table: reading, checking, splitting; the schema stands in docs/cohort.md."""
