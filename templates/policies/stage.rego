# Which version may be tried on traffic: in shadow, where nobody gets its answers, or as a canary, whose share
# grows by steps; and which may leave it. Less traffic is always allowed. A model of high stakes needs people before anybody is exposed.
package stage

limits := {
	"first": 0.05, # share of the traffic that a canary begins with, at most
	"growth": 2, # times the share before, at most
	"most": 0.50, # share that a canary may have; beyond lies promotion
	"age_days": 30, # evidence older than this is out of date
	"ahead_days": 1, # evidence dated later than this after the question has a wrong date
}

# evidence that must be there, and must not have failed
required := {"shadow": {"performance"}, "canary": {"performance", "fairness"}}

people_needed := {"approvals": 2, "roles": ["approver"], "hours": 72}

default allow := false

# As in promotion.rego the yes is said here, and what is wrong below.
allow if {
	no_objection
	input.action == "stage"
	count(sound) == count(needed)
	share_allowed
	enough_people
}

# what takes a version off the traffic is always allowed
allow if {
	no_objection
	input.action in {"clear", "retire"}
}

no_objection if count(deny) == 0

people := {
	"approvals": people_needed.approvals,
	"roles": people_needed.roles,
	"hours": people_needed.hours,
	"message": sprintf(
		"%v %v decides about people, and nobody was exposed to it yet: %v of %v approvals are there",
		[model, version, count(approving), people_needed.approvals],
	),
} if {
	input.action == "stage"
	not enough_people
	no_objection
}

default model := "the model"

model := input.model

default version := "?"

version := input.version

subject := sprintf("%v/%v", [model, version])

needed := required[input.slot]

# the share that this very version has as a canary now; none where another is there, or none
before := holder.weight if {
	holder := input.slots.canary
	holder.version == input.version
	is_number(holder.weight)
}

exposed if before > 0

enough_people if object.get(input, "stakes", "normal") == "normal"

enough_people if input.slot == "shadow"

enough_people if exposed

enough_people if count(approving) >= people_needed.approvals

approving contains approval.by if {
	some approval in input.approvals
	is_string(approval.by)
	approval.role in people_needed.roles
	not approval.by in {object.get(input, "author", ""), object.get(input, "actor", ""), ""}
}

sound contains kind if {
	input.action == "stage"
	some kind in needed
	found := input.evidence[kind]
	found.subject == subject
	found.verdict in {"pass", "not enough evidence"}
	is_number(found.age_days)
	found.age_days <= limits.age_days
	found.age_days >= 0 - limits.ahead_days
}

share_allowed if input.slot == "shadow"

share_allowed if {
	input.slot == "canary"
	is_number(input.weight)
	input.weight > 0
	input.weight <= most
}

most := limits.first if not exposed

most := limits.most if {
	exposed
	before * limits.growth > limits.most
	before <= limits.most
}

most := before * limits.growth if {
	exposed
	before * limits.growth <= limits.most
}

most := before if {
	exposed
	before > limits.most
}

deny contains {
	"code": "wrong-action",
	"message": "this policy judges stages only: the action must be stage, clear or retire",
	"metric": "action",
} if not object.get(input, "action", null) in {"stage", "clear", "retire"}

deny contains {
	"code": "wrong-slot",
	"message": "the slot must be shadow or canary",
	"metric": "slot",
} if {
	input.action == "stage"
	not needed
}

deny contains {
	"code": "no-evidence",
	"message": sprintf("there is no %s evidence about %s", [kind, subject]),
	"metric": kind,
	"flip": sprintf("audit it: workbench run %s -p model=%v -p version=%v", [notebook[kind], model, version]),
} if {
	input.action == "stage"
	some kind in needed
	not input.evidence[kind]
}

deny contains {
	"code": "poor-evidence",
	"message": sprintf(
		"the %s evidence will not do: it must be about %s, at most %v days old, and no failure",
		[kind, subject, limits.age_days],
	),
	"metric": kind,
	"flip": sprintf("audit it again: workbench run %s -p model=%v -p version=%v", [notebook[kind], model, version]),
	"evidence": found.digest,
} if {
	input.action == "stage"
	some kind in needed
	found := input.evidence[kind]
	not sound[kind]
}

notebook := {"performance": "train", "fairness": "fairness_audit"}

deny contains {
	"code": "no-champion",
	"message": sprintf("%v has no champion; a canary is compared with one", [model]),
	"metric": "champion",
	"flip": "promote a first version",
} if {
	input.action == "stage"
	input.slot == "canary"
	object.get(input, "champion", null) == null
}

deny contains {
	"code": "share",
	"message": sprintf("a share of %v of the traffic is too much; at this step it may be %v", [input.weight, most]),
	"metric": "weight",
	"got": input.weight,
	"limit": most,
	"flip": sprintf("a share of %v or less", [most]),
} if {
	input.action == "stage"
	input.slot == "canary"
	is_number(input.weight)
	input.weight > most
}

deny contains {
	"code": "share",
	"message": "a canary needs a share of the traffic, a number above 0",
	"metric": "weight",
} if {
	input.action == "stage"
	input.slot == "canary"
	not positive
}

positive if {
	is_number(input.weight)
	input.weight > 0
}
