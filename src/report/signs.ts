import type { PlannedAction } from "../events/plan.ts"
import type { Style } from "./page.ts"

/** How an action is shown: its sign, its colour, and its words before and after it is done. */
export interface Sign {
  readonly sign: string
  readonly style: Style
  readonly ahead: string
  readonly past: string
}

/** Every action, in the order in which they are counted. */
const SIGNS: Readonly<Record<PlannedAction, Sign>> = {
  create: { sign: "+", style: "green", ahead: "to create", past: "created" },
  update: { sign: "~", style: "yellow", ahead: "to update", past: "updated" },
  replace: { sign: "-/+", style: "magenta", ahead: "to replace", past: "replaced" },
  delete: { sign: "-", style: "red", ahead: "to delete", past: "deleted" },
  run: { sign: ">", style: "cyan", ahead: "to run", past: "ran" },
  decide: { sign: "?", style: "cyan", ahead: "to decide", past: "decided" },
  adopt: { sign: "=", style: "green", ahead: "to adopt", past: "adopted" },
  move: { sign: "»", style: "green", ahead: "to rename", past: "renamed" },
  refresh: { sign: "!", style: "yellow", ahead: "to refresh", past: "refreshed" },
  forget: { sign: ".", style: "dim", ahead: "to forget", past: "forgotten" },
  blocked: { sign: "×", style: "red", ahead: "blocked", past: "blocked" },
  check: { sign: "○", style: "cyan", ahead: "to ask", past: "yes" },
  none: { sign: " ", style: "dim", ahead: "unchanged", past: "unchanged" },
}

/** Actions that change the world or state, in the order in which they are counted. */
export const COUNTED: readonly PlannedAction[] = (Object.keys(SIGNS) as PlannedAction[]).filter(
  (action) => action !== "check" && action !== "none",
)

/** How an action is shown; one that this version does not know is shown by its name. */
export function signOf(action: string, order?: string): Sign {
  if (action === "replace" && order === "create-first") return { ...SIGNS.replace, sign: "+/-" }
  if (Object.hasOwn(SIGNS, action)) return SIGNS[action as PlannedAction]
  return { sign: "*", style: "cyan", ahead: action, past: action }
}
