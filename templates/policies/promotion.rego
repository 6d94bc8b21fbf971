# Which version may become champion. Anything but a clear yes is a no; every no has a reason with the
# number it got, the limit, and what would turn it.
package promotion

limits := {
	"measures": {"f1": 0.80}, # each of these figures of the performance evidence: the low end of its interval
	"disparate_impact": 0.80, # four fifths (29 CFR 1607.4(D))
	"certainty": 0.95, # probability that the true disparate impact reaches it, for each attribute
	"breach": 0.05, # at or below this probability a breach is shown, for intersections
	"age_days": 30, # evidence older than this is out of date
	"ahead_days": 1, # evidence dated later than this after the question has a wrong date
	"drifted_share": 0.30, # share of the columns that may have drifted, where drift was looked at
	"sample_ratio": 0.001, # p of an experiment's filling below which its arms were not filled as planned
	"retention": false, # whether the training data must say until when it may be kept
	"canary": false, # whether a canary must have shown that it does no harm
	"same_version": false, # whether the feature set must be of the champion's version, not only of its name
}

# what a model of high stakes asks of people beside the evidence
people_needed := {"approvals": 2, "roles": ["approver"], "hours": 72}

# fairness must be shown for each of these, whatever else an audit looked at
attributes := {"race", "sex"}

default allow := false

# What must hold is said twice: here as what is there, below as what is wrong. The reasons come from below,
# the yes from here, so that a rule which falls silent because something is missing lets nothing pass.
allow if {
	no_objection
	input.action == "promote"
	sound == required
	astray == set()
	input.evidence.fairness.data_digest == input.evidence.performance.data_digest
	reached == measures
	named == attributes
	met == single
	breached == set()
	comparable
	enough_people
}

no_objection if deny == set()

people := {
	"approvals": people_needed.approvals,
	"roles": people_needed.roles,
	"hours": people_needed.hours,
	"message": sprintf(
		"%v %v decides about people: %v of %v approvals are there, by others than its author and whoever asks",
		[model, version, count(approving), people_needed.approvals],
	),
} if {
	not enough_people
	no_objection
}

default stakes := "normal"

stakes := input.stakes

enough_people if stakes == "normal"

enough_people if count(approving) >= people_needed.approvals

approving contains approval.by if {
	some approval in input.approvals
	is_string(approval.by)
	approval.role in people_needed.roles
	not approval.by in {object.get(input, "author", ""), object.get(input, "actor", ""), ""}
}

required := {"performance", "fairness"}

# evidence that may be built on; the reasons below look only at the rest
sound contains kind if {
	some kind in required
	input.evidence[kind].subject == subject
	is_string(input.evidence[kind].data_digest)
	input.evidence[kind].data_digest != ""
	is_number(input.evidence[kind].age_days)
	input.evidence[kind].age_days <= limits.age_days
	input.evidence[kind].age_days >= earliest
}

earliest := 0 - limits.ahead_days

unsound := required - sound

looked_at contains kind if some kind, _ in input.evidence

astray contains kind if {
	some kind in looked_at
	not input.evidence[kind].subject == subject
}

default model := "the model"

model := input.model

default version := "?"

version := input.version

subject := sprintf("%v/%v", [model, version])

deny contains {
	"code": "other-version",
	"message": sprintf("the %s evidence is about %v, not about %s", [kind, about(kind), subject]),
	"metric": kind,
	"got": about(kind),
	"limit": subject,
	"flip": sprintf("audit it: workbench run %s -p model=%v -p version=%v", [object.get(notebook, kind, kind), model, version]),
	"evidence": input.evidence[kind].digest,
} if some kind in astray

about(kind) := input.evidence[kind].subject if is_string(input.evidence[kind].subject)

about(kind) := "nothing that it names" if not is_string(object.get(input.evidence[kind], "subject", null))

deny contains {
	"code": "wrong-action",
	"message": "this policy judges promotions only",
	"metric": "action",
} if not input.action == "promote"

deny contains {
	"code": "no-evidence",
	"message": sprintf("there is no %s evidence about %v %v", [kind, model, version]),
	"metric": kind,
	"flip": sprintf("audit it: workbench run %s -p model=%v -p version=%v", [notebook[kind], model, version]),
} if {
	some kind in unsound
	not kind in looked_at
}

deny contains {
	"code": "no-data",
	"message": sprintf("the %s evidence does not say which data it is about", [kind]),
	"metric": "data_digest",
	"flip": sprintf("run %s again", [notebook[kind]]),
	"evidence": input.evidence[kind].digest,
} if {
	some kind in unsound
	kind in looked_at
	not about_data[kind]
}

about_data contains kind if {
	some kind in unsound
	is_string(input.evidence[kind].data_digest)
	input.evidence[kind].data_digest != ""
}

deny contains {
	"code": "other-data",
	"message": "the fairness evidence and the performance evidence are about different data",
	"metric": "data_digest",
	"got": input.evidence.fairness.data_digest,
	"limit": input.evidence.performance.data_digest,
	"flip": "run fairness_audit on the data that the version was judged on",
	"evidence": input.evidence.fairness.digest,
} if {
	input.evidence.fairness.data_digest != input.evidence.performance.data_digest
	count(about_data | sound) == 2
}

notebook := {"performance": "train", "fairness": "fairness_audit"}

deny contains {
	"code": "stale-evidence",
	"message": sprintf("the %s evidence is %.0f days old; it may be %v days old", [kind, input.evidence[kind].age_days, limits.age_days]),
	"metric": kind,
	"got": input.evidence[kind].age_days,
	"limit": limits.age_days,
	"flip": sprintf("run %s again", [notebook[kind]]),
	"evidence": input.evidence[kind].digest,
} if {
	some kind in unsound
	is_number(input.evidence[kind].age_days)
	input.evidence[kind].age_days > limits.age_days
}

deny contains {
	"code": "future-evidence",
	"message": sprintf("the %s evidence is dated %.0f days from now", [kind, 0 - input.evidence[kind].age_days]),
	"metric": kind,
	"got": input.evidence[kind].age_days,
	"limit": earliest,
	"flip": sprintf("set the clock right and run %s again", [notebook[kind]]),
	"evidence": input.evidence[kind].digest,
} if {
	some kind in unsound
	is_number(input.evidence[kind].age_days)
	input.evidence[kind].age_days < earliest
}

# performance

reached contains name if {
	some name, limit in limits.measures
	is_number(input.evidence.performance.figures[name].low)
	input.evidence.performance.figures[name].low >= limit
}

measures := object.keys(limits.measures)

missed := measures - reached

deny contains {
	"code": "performance",
	"message": sprintf(
		"%s is %s, at worst %.3f; the policy needs at least %.2f at worst",
		[measure(name), shown(object.get(input.evidence.performance.figures[name], "value", null)), low, limit],
	),
	"metric": name,
	"got": low,
	"limit": limit,
	"flip": sprintf("a low end of its interval of %.2f or more", [limit]),
	"evidence": input.evidence.performance.digest,
} if {
	some name in missed
	limit := limits.measures[name]
	low := input.evidence.performance.figures[name].low
	is_number(low)
	low < limit
}

deny contains {
	"code": "performance",
	"message": sprintf("the performance evidence has no %s with an interval", [measure(name)]),
	"metric": name,
	"limit": limit,
	"evidence": input.evidence.performance.digest,
} if {
	some name in missed
	limit := limits.measures[name]
	"performance" in looked_at
	not is_number(object.get(input, ["evidence", "performance", "figures", name, "low"], null))
}

measure(name) := object.get({"f1": "F1", "auc": "AUC"}, name, name)

# fairness: shown for each attribute on its own; for intersections no breach may be shown

impacts contains name if {
	some name, _ in input.evidence.fairness.figures
	startswith(name, "disparate_impact.")
}

crossed contains name if {
	some name in impacts
	contains(name, "*")
}

single := impacts - crossed

met contains name if {
	some name in single
	figure := input.evidence.fairness.figures[name]
	judged(figure)
	figure.probability >= limits.certainty
}

unmet := single - met

breached contains name if {
	some name in crossed
	is_number(input.evidence.fairness.figures[name].probability)
	input.evidence.fairness.figures[name].probability <= limits.breach
}

named contains name if {
	some name in attributes
	single[concat("", ["disparate_impact.", name])]
}

unnamed := attributes - named

deny contains {
	"code": "fairness",
	"message": sprintf("the fairness evidence has no disparate impact by %s", [name]),
	"metric": concat("", ["disparate_impact.", name]),
	"limit": limits.disparate_impact,
	"flip": sprintf("run fairness_audit with %s among its attributes", [name]),
	"evidence": input.evidence.fairness.digest,
} if {
	some name in unnamed
	"fairness" in looked_at
}

deny contains {
	"code": "fairness",
	"message": sprintf(
		"disparate impact by %s is %.3f [%.3f, %.3f]; that it is at least %.2f has a probability of %.2f, the policy needs %.2f",
		[attribute(name), figure.value, figure.low, figure.high, limits.disparate_impact, figure.probability, limits.certainty],
	),
	"metric": name,
	"got": figure.probability,
	"limit": limits.certainty,
	"flip": enough(figure),
	"evidence": input.evidence.fairness.digest,
} if {
	some name in unmet
	figure := input.evidence.fairness.figures[name]
	judged(figure)
	figure.probability < limits.certainty
}

deny contains {
	"code": "fairness",
	"message": sprintf(
		"disparate impact by %s is %s; a breach of %.2f is shown (probability of meeting it %.2f)",
		[attribute(name), shown(figure.value), limits.disparate_impact, figure.probability],
	),
	"metric": name,
	"got": figure.probability,
	"limit": limits.breach,
	"flip": enough(figure),
	"evidence": input.evidence.fairness.digest,
} if {
	some name in breached
	figure := input.evidence.fairness.figures[name]
}

# a figure that cannot be computed is no evidence
deny contains {
	"code": "undefined",
	"message": sprintf("disparate impact by %s is undefined or was not judged against %.2f", [attribute(name), limits.disparate_impact]),
	"metric": name,
	"limit": limits.certainty,
	"evidence": input.evidence.fairness.digest,
} if {
	some name in unmet
	figure := input.evidence.fairness.figures[name]
	not judged(figure)
}

judged(figure) if {
	is_number(figure.value)
	is_number(figure.probability)
	is_number(figure.low)
	is_number(figure.high)
	figure.target == limits.disparate_impact
}

attribute(name) := trim_prefix(name, "disparate_impact.")

enough(figure) := sprintf("at these group sizes, a disparate impact of %.3f or more would do", [figure.needed]) if {
	is_number(figure.needed)
}

enough(figure) := "at these group sizes no disparate impact would do; more cases are needed" if {
	not is_number(object.get(figure, "needed", null))
}

shown(number) := sprintf("%.3f", [number]) if is_number(number)

shown(number) := "not known" if not is_number(number)

# all versions of a model read the same features, whatever their version

comparable if object.get(input, "champion", null) == null

comparable if {
	features(input.candidate.feature_set) == features(input.champion.feature_set)
	not limits.same_version
}

comparable if input.candidate.feature_set == input.champion.feature_set

features(named) := split(named, "@")[0]

deny contains {
	"code": "feature-set",
	"message": sprintf("it reads the feature set %s; the champion reads %s", [input.candidate.feature_set, input.champion.feature_set]),
	"metric": "feature_set",
	"got": input.candidate.feature_set,
	"limit": input.champion.feature_set,
	"flip": "train it on the champion's feature set, or retire the champion first",
} if not comparable

# drift, where it was looked at: what the version learned from must still be what comes in

deny contains {
	"code": "drift",
	"message": sprintf("that at most %.2f of the columns drifted is not shown; the share found is %s", [limits.drifted_share, shown(share)]),
	"metric": "drifted_share",
	"got": share,
	"limit": limits.drifted_share,
	"flip": "train it on newer data",
	"evidence": input.evidence.drift.digest,
} if {
	share := object.get(input.evidence.drift, ["figures", "drifted_share", "value"], null)
	not at_most(share, limits.drifted_share)
}

# an experiment among the evidence counts only where its arms were filled as planned

deny contains {
	"code": "sample-ratio",
	"message": sprintf("the arms of the experiment were not shown to be filled as planned (p is %s)", [shown(p)]),
	"metric": "sample_ratio.p",
	"got": p,
	"limit": limits.sample_ratio,
	"flip": "find out why units are missing, and run the experiment again",
	"evidence": input.evidence.experiment.digest,
} if {
	p := object.get(input.evidence.experiment, ["figures", "sample_ratio.p", "value"], null)
	not at_least(p, limits.sample_ratio)
}

# a canary, where there was one: it must have shown that it does no harm

deny contains {
	"code": "canary",
	"message": sprintf("its canary was no success: %s", [canary.sentence]),
	"metric": "canary",
	"got": canary.verdict,
	"limit": "pass",
	"flip": sprintf("try it again: workbench canary start %v %v", [model, version]),
	"evidence": canary.digest,
} if {
	canary := input.evidence.canary
	not canary.verdict == "pass"
}

deny contains {
	"code": "canary",
	"message": "it was never tried on a part of the traffic",
	"metric": "canary",
	"limit": "pass",
	"flip": sprintf("try it: workbench canary start %v %v", [model, version]),
} if {
	limits.canary
	not input.evidence.canary
}

# the data that it learned from may be kept for a time; days are counted by whoever asks, from the same clock

deny contains {
	"code": "retention",
	"message": sprintf("its training data may not be kept any more: the window ended %.0f days ago", [0 - days_left]),
	"metric": "retention.days_left",
	"got": days_left,
	"limit": 0,
	"flip": "train it on data that may be kept",
} if {
	is_number(days_left)
	days_left < 0
}

deny contains {
	"code": "retention",
	"message": "nothing says until when its training data may be kept",
	"metric": "retention.days_left",
	"limit": 0,
	"flip": "run train with retain_until, a day",
} if {
	retention_asked
	not is_number(days_left)
}

retention_asked if limits.retention

retention_asked if input.retention != null

default days_left := null

days_left := input.retention.days_left

at_most(got, limit) if {
	is_number(got)
	got <= limit
}

at_least(got, limit) if {
	is_number(got)
	got >= limit
}
