# Which answer of a model is given at once, and which is held until people looked at it. As shipped, all are
# given at once: `held` names what is not.
package answer

# {"model": "lending", "low": 0.45, "high": 0.55} holds answers whose score lies there, ends included;
# {"model": "lending", "feature": "amount", "above": 100000} or {…, "feature": "state", "among": ["CA"]} a segment
held := []

people_needed := {"approvals": 1, "roles": ["reviewer"], "hours": 24}

# what a held answer comes to when nobody decided within `hours`: "answer" as the model said, "refuse", or
# {"answer": false} to say no
on_timeout := "refuse"

default allow := false

allow if {
	count(deny) == 0
	input.action == "answer"
	count(why_held) == 0
}

people := {
	"approvals": people_needed.approvals,
	"roles": people_needed.roles,
	"hours": people_needed.hours,
	"message": concat("", ["a person looks at this answer first: ", concat("; ", why_held)]),
} if {
	count(deny) == 0
	input.action == "answer"
	count(why_held) > 0
}

# fields are taken by `object.get`, because OPA checks the others against what stands in `held`
concerned contains rule if {
	some rule in held
	object.get(rule, "model", null) == input.model
}

why_held contains sprintf("its score %s lies between %s and %s", [shown(input.score), shown(low), shown(high)]) if {
	some rule in concerned
	low := object.get(rule, "low", null)
	high := object.get(rule, "high", null)
	is_number(low)
	is_number(high)
	is_number(input.score)
	input.score >= low
	input.score <= high
}

why_held contains "it has no score, and answers of some scores are held" if {
	some rule in concerned
	is_number(object.get(rule, "low", null))
	not is_number(object.get(input, "score", null))
}

why_held contains sprintf("its %s is above %s", [feature, shown(above)]) if {
	some rule in concerned
	feature := object.get(rule, "feature", null)
	above := object.get(rule, "above", null)
	is_number(above)
	not at_most(object.get(input, ["features", feature], null), above)
}

why_held contains sprintf("its %s is one of those that people look at", [feature]) if {
	some rule in concerned
	feature := object.get(rule, "feature", null)
	some value in object.get(rule, "among", [])
	object.get(input, ["features", feature], null) == value
}

# four digits are enough to read; what is compared has them all
shown(number) := sprintf("%.4g", [number]) if not whole(number)

shown(number) := sprintf("%d", [round(number)]) if whole(number)

whole(number) if {
	number == round(number)
	number < 1000000000000000
	number > -1000000000000000
}

# what is no number is not known to be small
at_most(got, limit) if {
	is_number(got)
	got <= limit
}

deny contains {
	"code": "wrong-action",
	"message": "this policy judges answers only",
	"metric": "action",
} if not input.action == "answer"
