"""Tables of Zhuo et al. 2022 as reference columns, for the paper's tree of diagnoses."""
