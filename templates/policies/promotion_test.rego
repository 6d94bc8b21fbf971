# The cases of promotion_cases.json for `opa test`; `workbench policy test promotion` runs the same.
package promotion_test

import data.promotion
import data.promotion_cases

test_case[name] if {
	some name, case in promotion_cases.cases
	document := json.patch(promotion_cases.base, changes(case))
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

denials(document) := [reason | some reason in promotion.deny with input as document]

yes(document) if promotion.allow == true with input as document

asked(document) if is_object(promotion.people) with input as document

as_told(document, case) if {
	case.decision == "deny"
	{reason.code | some reason in denials(document)} == {code | some code in case.codes}
}

as_told(_, case) if not case.decision == "deny"

changes(case) := array.concat(
	[{"op": "add", "path": concat("", ["/", path]), "value": value} | some path, value in case.change],
	[{"op": "remove", "path": concat("", ["/", path])} | some path in case.remove],
)
