# The cases of answer_cases.json for `opa test`; `workbench policy test answer` runs the same.
package answer_test

import data.answer
import data.answer_cases

test_case[name] if {
	some name, case in answer_cases.cases
	document := json.patch(answer_cases.base, changes(case))
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

denials(document, values) := [reason | some reason in answer.deny with input as document with data.answer.held as values]

yes(document, values) if answer.allow == true with input as document with data.answer.held as values

asked(document, values) if is_object(answer.people) with input as document with data.answer.held as values

as_told(document, case) if {
	case.decision == "deny"
	{reason.code | some reason in denials(document, valued(case))} == {code | some code in case.codes}
}

as_told(_, case) if not case.decision == "deny"

changes(case) := array.concat(
	[{"op": "add", "path": concat("", ["/", path]), "value": value} | some path, value in case.change],
	[{"op": "remove", "path": concat("", ["/", path])} | some path in case.remove],
)

# what is held as the case has it, beside what the policy says
valued(case) := object.get(case, ["values", "held"], answer.held)
