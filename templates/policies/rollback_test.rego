# The cases of rollback_cases.json for `opa test`; `workbench policy test rollback` runs the same.
package rollback_test

import data.rollback
import data.rollback_cases

test_case[name] if {
	some name, case in rollback_cases.cases
	document := json.patch(rollback_cases.base, changes(case))
	said(document, valued(case)) == case.decision
	as_told(document, case)
}

said(document, values) := "deny" if count(denials(document, values)) > 0

said(document, values) := "allow" if {
	count(denials(document, values)) == 0
	yes(document, values)
}

said(document, values) := "needs-people" if {
	count(denials(document, values)) == 0
	not yes(document, values)
	asked(document, values)
}

said(document, values) := "deny" if {
	count(denials(document, values)) == 0
	not yes(document, values)
	not asked(document, values)
}

denials(document, values) := [reason | some reason in rollback.deny with input as document with data.rollback.limits as values]

yes(document, values) if rollback.allow == true with input as document with data.rollback.limits as values

asked(document, values) if is_object(rollback.people) with input as document with data.rollback.limits as values

as_told(document, case) if {
	case.decision == "deny"
	{reason.code | some reason in denials(document, valued(case))} == {code | some code in case.codes}
}

as_told(_, case) if not case.decision == "deny"

changes(case) := array.concat(
	[{"op": "add", "path": concat("", ["/", path]), "value": value} | some path, value in case.change],
	[{"op": "remove", "path": concat("", ["/", path])} | some path in case.remove],
)

# the limits as the case has it, beside what the policy says
valued(case) := object.union(rollback.limits, object.get(case, ["values", "limits"], {}))
