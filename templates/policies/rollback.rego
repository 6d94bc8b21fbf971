# Which version may be brought back. It needs no new evidence: it was champion, by a decision of its own.
package rollback

default allow := false

allow if count(deny) == 0

deny contains {
	"code": "never-champion",
	"message": sprintf("%s %v was never champion; only a former champion can be brought back", [input.model, input.version]),
	"flip": "promote it instead",
} if not input.was_champion

deny contains {
	"code": "no-reason",
	"message": "the reason is too short to be understood later",
	"metric": "why",
	"got": count(input.why),
	"limit": 10,
	"flip": "say in at least 10 characters what went wrong",
} if count(input.why) < 10

deny contains {
	"code": "wrong-action",
	"message": sprintf("this policy judges rollbacks; the action is %v", [input.action]),
} if input.action != "rollback"
