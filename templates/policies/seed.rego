package model
# A model can only be promoted if its fairness metric exceeds 0.85
allow := input.metrics.fairness >= 0.85
