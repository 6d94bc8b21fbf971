"""A/B analyses and their verdicts in words, decided from additive summaries alone.

    design = Design("rand-hie", arm="plan", control="0 %", metrics=(Metric("visits", "count", "visits"),))
    analysis = analyse(design.scan(rand_health()), design)
    analysis.sentence

A design says what is compared and which way is good; `analyse` takes the cube and the design and
returns frozen results; `words` puts them into sentences, `pictures` draws them, `within_segments`
repeats the comparison inside each segment, `shrunken_segments` lets segments learn from each other,
and `second_engine` asks PyMC. The `Archive` keeps what was tried; `learn_prior` learns
from it.
"""

from workbench.experiments.analysis import analyse
from workbench.experiments.archive import Archive, Past
from workbench.experiments.design import Design, Metric, parse_metrics
from workbench.experiments.learned import archive_prior, learn_prior
from workbench.experiments.results import Analysis, ArmResult, Balance, MetricResult
from workbench.experiments.segments.shrunken import SegmentResult, shrunken_segments
from workbench.experiments.segments.strata import Within, within_segments

__all__ = [
    "Analysis",
    "Archive",
    "ArmResult",
    "Balance",
    "Design",
    "Metric",
    "MetricResult",
    "Past",
    "SegmentResult",
    "Within",
    "analyse",
    "archive_prior",
    "learn_prior",
    "parse_metrics",
    "shrunken_segments",
    "within_segments",
]
