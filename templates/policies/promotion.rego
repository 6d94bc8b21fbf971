# Which version may become champion. Anything but a clear yes is a no; every no has a reason with the
# number it got, the limit, and what would turn it.
package promotion

limits := {
	"f1": 0.80, # the low end of its interval
	"disparate_impact": 0.80, # four fifths (29 CFR 1607.4(D))
	"certainty": 0.95, # probability that the true disparate impact reaches it, for each attribute
	"breach": 0.05, # at or below this probability a breach is shown, for intersections
	"age_days": 30, # evidence older than this is out of date
	"ahead_days": 1, # evidence dated later than this after the question has a wrong date
}

# fairness must be shown for each of these, whatever else an audit looked at
attributes := {"race", "sex"}

default allow := false

# What must hold is said twice: here as what is there, below as what is wrong. The reasons come from below,
# the yes from here, so that a rule which falls silent because something is missing lets nothing pass.
allow if {
	count(deny) == 0
	input.action == "promote"
	count(fresh) == count(required)
	count(about_data) == count(required)
	input.evidence.fairness.data_digest == input.evidence.performance.data_digest
	is_number(input.evidence.performance.figures.f1.low)
	input.evidence.performance.figures.f1.low >= limits.f1
	count(named) == count(attributes)
	count(met) == count(single)
	count(breached) == 0
	comparable
}

required := {"performance", "fairness"}

fresh contains kind if {
	some kind in required
	is_number(input.evidence[kind].age_days)
	input.evidence[kind].age_days <= limits.age_days
	input.evidence[kind].age_days >= 0 - limits.ahead_days
}

model := object.get(input, "model", "the model")

version := object.get(input, "version", "?")

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
	some kind in required
	not input.evidence[kind]
}

deny contains {
	"code": "no-data",
	"message": sprintf("the %s evidence does not say which data it is about", [kind]),
	"metric": "data_digest",
	"flip": sprintf("run %s again", [notebook[kind]]),
	"evidence": input.evidence[kind].digest,
} if {
	some kind in required
	input.evidence[kind]
	not about_data[kind]
}

about_data contains kind if {
	some kind in required
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
	count(about_data) == 2
	input.evidence.fairness.data_digest != input.evidence.performance.data_digest
}

notebook := {"performance": "train", "fairness": "fairness_audit"}

deny contains {
	"code": "stale-evidence",
	"message": sprintf("the %s evidence is %.0f days old; it may be %v days old", [kind, found.age_days, limits.age_days]),
	"metric": kind,
	"got": found.age_days,
	"limit": limits.age_days,
	"flip": sprintf("run %s again", [notebook[kind]]),
	"evidence": found.digest,
} if {
	some kind in required
	found := input.evidence[kind]
	is_number(found.age_days)
	found.age_days > limits.age_days
}

deny contains {
	"code": "future-evidence",
	"message": sprintf("the %s evidence is dated %.0f days from now", [kind, 0 - found.age_days]),
	"metric": kind,
	"got": found.age_days,
	"limit": 0 - limits.ahead_days,
	"flip": sprintf("set the clock right and run %s again", [notebook[kind]]),
	"evidence": found.digest,
} if {
	some kind in required
	found := input.evidence[kind]
	is_number(found.age_days)
	found.age_days < 0 - limits.ahead_days
}

# performance

deny contains {
	"code": "performance",
	"message": sprintf("F1 is %s, at worst %.3f; the policy needs at least %.2f at worst", [shown(f1.value), f1.low, limits.f1]),
	"metric": "f1",
	"got": f1.low,
	"limit": limits.f1,
	"flip": sprintf("a low end of its interval of %.2f or more", [limits.f1]),
	"evidence": input.evidence.performance.digest,
} if {
	f1 := input.evidence.performance.figures.f1
	is_number(f1.low)
	f1.low < limits.f1
}

deny contains {
	"code": "performance",
	"message": "the performance evidence has no F1 with an interval",
	"metric": "f1",
	"limit": limits.f1,
	"evidence": input.evidence.performance.digest,
} if {
	input.evidence.performance
	not is_number(input.evidence.performance.figures.f1.low)
}

# fairness: shown for each attribute on its own; for intersections no breach may be shown

fairness_figures[name] := figure if {
	some name, figure in input.evidence.fairness.figures
	startswith(name, "disparate_impact.")
}

single contains name if {
	some name, figure in fairness_figures
	not contains(name, "*")
}

met contains name if {
	some name in single
	judged(fairness_figures[name])
	fairness_figures[name].probability >= limits.certainty
}

breached contains name if {
	some name, figure in fairness_figures
	contains(name, "*")
	is_number(figure.probability)
	figure.probability <= limits.breach
}

named contains name if {
	some name in attributes
	single[concat("", ["disparate_impact.", name])]
}

deny contains {
	"code": "fairness",
	"message": sprintf("the fairness evidence has no disparate impact by %s", [name]),
	"metric": concat("", ["disparate_impact.", name]),
	"limit": limits.disparate_impact,
	"flip": sprintf("run fairness_audit with %s among its attributes", [name]),
	"evidence": input.evidence.fairness.digest,
} if {
	input.evidence.fairness
	some name in attributes
	not named[name]
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
	some name, figure in fairness_figures
	not contains(name, "*")
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
	figure := fairness_figures[name]
}

# a figure that cannot be computed is no evidence
deny contains {
	"code": "undefined",
	"message": sprintf("disparate impact by %s is undefined or was not judged against %.2f", [attribute(name), limits.disparate_impact]),
	"metric": name,
	"limit": limits.certainty,
	"evidence": input.evidence.fairness.digest,
} if {
	some name, figure in fairness_figures
	not contains(name, "*")
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
	not is_number(figure.needed)
}

shown(number) := sprintf("%.3f", [number]) if is_number(number)

shown(number) := "an undefined number" if not is_number(number)

# all versions of a model read the same features, whatever their version

comparable if object.get(input, "champion", null) == null

comparable if features(input.candidate) == features(input.champion)

features(known) := split(known.feature_set, "@")[0]

deny contains {
	"code": "feature-set",
	"message": sprintf("it reads the feature set %s; the champion reads %s", [input.candidate.feature_set, input.champion.feature_set]),
	"metric": "feature_set",
	"got": input.candidate.feature_set,
	"limit": input.champion.feature_set,
	"flip": "train it on the champion's feature set, or retire the champion first",
} if not comparable
