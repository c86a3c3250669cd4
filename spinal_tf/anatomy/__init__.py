"""Where the spine is on a scan: canal, end of the cord, vertebrae and their numbers; plain arrays, no networks."""
