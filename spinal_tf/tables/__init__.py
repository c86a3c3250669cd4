"""One model of a table, and its renderers: terminal, HTML, LaTeX, CSV."""
