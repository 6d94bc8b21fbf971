# The cases of stage_cases.json for `opa test`; `workbench policy test stage` runs the same.
package stage_test

import data.stage
import data.stage_cases

test_case[name] if {
	some name, case in stage_cases.cases
	document := json.patch(stage_cases.base, changes(case))
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

denials(document, values) := [reason | some reason in stage.deny with input as document with data.stage.limits as values]

yes(document, values) if stage.allow == true with input as document with data.stage.limits as values

asked(document, values) if is_object(stage.people) with input as document with data.stage.limits as values

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
valued(case) := object.union(stage.limits, object.get(case, ["values", "limits"], {}))
