# The cases of answer_cases.json for `opa test`; `workbench policy test answer` runs the same.
package answer_test

import data.answer
import data.answer_cases

test_case[name] if {
	some name, case in answer_cases.cases
	document := json.patch(answer_cases.base, changes(case))
	said(document) == case.decision
	as_told(document, case)
}

said(document) := "deny" if count(denials(document)) > 0

said(document) := "allow" if {
	count(denials(document)) == 0
	yes(document)
}

said(document) := "needs-people" if {
	count(denials(document)) == 0
	not yes(document)
	asked(document)
}

said(document) := "deny" if {
	count(denials(document)) == 0
	not yes(document)
	not asked(document)
}

denials(document) := [reason | some reason in answer.deny with input as document]

yes(document) if answer.allow == true with input as document

asked(document) if is_object(answer.people) with input as document

as_told(document, case) if {
	case.decision == "deny"
	{reason.code | some reason in denials(document)} == {code | some code in case.codes}
}

as_told(_, case) if not case.decision == "deny"

changes(case) := array.concat(
	[{"op": "add", "path": concat("", ["/", path]), "value": value} | some path, value in case.change],
	[{"op": "remove", "path": concat("", ["/", path])} | some path in case.remove],
)
