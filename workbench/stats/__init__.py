"""Exact mathematics, numbers in, numbers out: nothing here reads a file, a clock or a table.

Experiments start from additive summaries (`moments`), turn them into posteriors of one arm's mean
(`proportions`, `means`, `hurdle`) and set arms beside each other (`comparison`) by quadrature
(`quadrature`); `sample_ratio` says whether the arms were filled as planned. Looking more than once
is `crossing` (paths that stop at boundaries), `group_sequential` and `always_valid`; `operating`
says how a rule works out, `power` how much data an answer needs. Audits take `fairness` (with
`aggregates`, `resampling`, `contrasts`, `score_bins`, `thresholds`, `slices`, `unlabelled` and
`parity`) and `drift`. Modules are imported by name, so that nobody pays for what they do not use; none of them
imports `scipy.stats`, which costs two seconds. A wrong number is a plain `ValueError`.
"""
