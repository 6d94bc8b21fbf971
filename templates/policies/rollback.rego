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

limits := {"why": 10} # characters of a reason that can be understood later

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
