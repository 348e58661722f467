import type { Write } from "../../provider.ts"
import type { ScriptRecord } from "./kind.ts"

/** What a script wrote with its secrets hidden: errors show the end of it, and half a secret is one that no sink recognises. */
export function hiddenScript(script: ScriptRecord, { hide }: Pick<Write<unknown>, "hide">): ScriptRecord {
  return hide === undefined ? script : { ...script, out: hide(script.out), err: hide(script.err) }
}
