# Which version may be brought back. It needs no new evidence: it was champion, by a decision of its own.
package rollback

default allow := false

# As in promotion.rego the yes is said here, and what is wrong below.
allow if {
	count(deny) == 0
	input.action == "rollback"
	input.was_champion == true
	input.granted.decision == "allow"
	count(trim_space(input.why)) >= limits.why
}

limits := {
	"why": 10, # characters of a reason that can be understood later
	"cooldown_hours": 24, # between two rollbacks that the machine does by itself
	"slack_hours": 1, # by which a trouble may be dated before the champion that it is laid to
}

# who acts by itself: only for an incident of the champion, of a kind that the model is declared to be taken back for
machine := "workbench"

default model := "the model"

model := input.model

default version := "?"

version := input.version

deny contains {
	"code": "never-champion",
	"message": sprintf("%v %v was never champion; only a former champion can be brought back", [model, version]),
	"flip": "promote it instead",
} if not input.was_champion == true

deny contains {
	"code": "never-granted",
	"message": sprintf("no promotion of %v %v was ever granted by a policy", [model, version]),
	"flip": "promote it instead",
} if {
	input.was_champion == true
	not input.granted.decision == "allow"
}

deny contains {
	"code": "no-reason",
	"message": sprintf("the reason has %v characters; at least %v are needed to understand it later", [length, limits.why]),
	"metric": "why",
	"got": length,
	"limit": limits.why,
	"flip": sprintf("say in at least %v characters what went wrong", [limits.why]),
} if {
	length < limits.why
}

default why := ""

why := input.why

length := count(trim_space(why))

deny contains {
	"code": "wrong-action",
	"message": "this policy judges rollbacks only",
} if not input.action == "rollback"

by_itself if object.get(input, "actor", "") == machine

by_itself if object.get(input, "automatic", null) != null

deny contains {
	"code": "no-incident",
	"message": "nobody rolls back without a person but for an incident that is shown",
	"flip": "a person says so: workbench rollback",
} if {
	by_itself
	not shown
}

shown if {
	input.automatic.incident.verdict == "fail"
	input.automatic.incident.subject == sprintf("%v/%v", [input.model, input.champion.version])
}

deny contains {
	"code": "not-declared",
	"message": concat("", ["it is not declared to be rolled back by itself for this: ", concat(", ", kinds)]),
	"metric": "rollback",
	"flip": sprintf("workbench declare %v --rollback errors --why …, or a person says so", [model]),
} if {
	by_itself
	not declared
}

kinds := [kind | some kind in input.automatic.kinds]

declared if {
	some kind in input.automatic.kinds
	kind in input.automatic.allowed
}

deny contains {
	"code": "cooldown",
	"message": sprintf("the machine rolled it back %.1f hours ago; %v must lie between", [hours, limits.cooldown_hours]),
	"metric": "hours_since",
	"got": hours,
	"limit": limits.cooldown_hours,
	"flip": "a person looks, and says so: workbench rollback",
} if {
	by_itself
	hours := input.automatic.hours_since
	is_number(hours)
	hours < limits.cooldown_hours
}

deny contains {
	"code": "older",
	"message": sprintf("it began %.1f hours before this version was champion; going back does not mend it", [early]),
	"metric": "hours_early",
	"got": early,
	"limit": limits.slack_hours,
	"flip": "look for what changed upstream: workbench incidents list",
} if {
	by_itself
	early := input.automatic.hours_early
	is_number(early)
	early > limits.slack_hours
}
