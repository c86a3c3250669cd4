"""Where a classifier looked: heat maps, and checks of heat maps."""
