"""Tables of Zhuo et al. 2022 as reference columns, for the tree of diagnoses that the paper has."""
