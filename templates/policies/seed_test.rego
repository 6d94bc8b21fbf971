# The cases of seed_cases.json for `opa test`; `workbench policy test seed` runs the same.
package seed_test

import data.model
import data.seed_cases

test_case[name] if {
	some name, case in seed_cases.cases
	said(json.patch(seed_cases.base, changes(case))) == case.decision
}

said(document) := "allow" if yes(document)

said(document) := "deny" if not yes(document)

yes(document) if model.allow == true with input as document

changes(case) := array.concat(
	[{"op": "add", "path": concat("", ["/", path]), "value": value} | some path, value in case.change],
	[{"op": "remove", "path": concat("", ["/", path])} | some path in case.remove],
)
