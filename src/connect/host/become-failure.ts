import { FettleError } from "../../errors.ts"
import type { Become } from "./ssh-line.ts"

/** What is known of a login that could not become another user. */
export interface BecomeEnd {
  readonly target: string
  readonly become: Become
  /** What stood on standard error. */
  readonly said: string
  /** How often it asked for the password. */
  readonly asked: number
  /** What `sudo -n -l` says the user may do; undefined where it does not say. */
  readonly allowed: string | undefined
}

type Code = "BECOME_REFUSED" | "BECOME_PASSWORD_MISSING" | "BECOME_PASSWORD_WRONG"

/** An error out of the words of sudo and doas; undefined where they have nothing to do with it. Pure. */
export function becomeFailure(end: BecomeEnd): FettleError | undefined {
  return end.become.by === "doas" ? doasFailure(end) : sudoFailure(end)
}

function sudoFailure(end: BecomeEnd): FettleError | undefined {
  const { said, asked, become, allowed } = end
  const user = become.user ?? "root"
  if (/sudo: (?:command )?not found|unknown command:? .?sudo|exec: sudo: /i.test(said))
    return tell(end, "BECOME_REFUSED", "there is no sudo", `install it there, or log in as ${user}, or become by doas`)
  if (/must have a tty/.test(said))
    return tell(
      end,
      "BECOME_REFUSED",
      "sudo wants a terminal (requiretty), and a terminal would spoil what is sent",
      `let sudoers there say: Defaults:${who(end)} !requiretty`,
    )
  if (asked > 1 || /incorrect password attempt|Sorry, try again/.test(said))
    return tell(
      end,
      "BECOME_PASSWORD_WRONG",
      "sudo does not take the password; it was tried once",
      "correct the secret; another try may lock the account",
    )
  if (/is not in the sudoers file|may not run sudo on/.test(said))
    return tell(
      end,
      "BECOME_REFUSED",
      `sudoers names no ${who(end)}`,
      `let sudoers there say: ${who(end)} ALL=(${user}) NOPASSWD: /bin/sh`,
    )
  const unknown = /sudo: unknown user:? (\S+)/.exec(said)
  if (unknown !== null)
    return tell(end, "BECOME_REFUSED", `there is no user ${unknown[1]}`, "correct become.user, or make the user first")
  if (/is not allowed to execute/.test(said) || (/password is required/.test(said) && allowed !== undefined))
    return onlyCommands(end)
  if (/password is required|terminal is required|no password was provided/.test(said))
    return tell(
      end,
      "BECOME_PASSWORD_MISSING",
      "sudo asks for a password",
      'give it one: become: { by: "sudo", password: secret.prompt("sudo") }; or NOPASSWD in sudoers',
    )
  if (/^sudo: |sudoers:/m.test(said)) return tell(end, "BECOME_REFUSED", "sudo refuses", "mend the cause")
  return undefined
}

function doasFailure(end: BecomeEnd): FettleError | undefined {
  const { said, become } = end
  const line = `permit nopass ${who(end)} as ${become.user ?? "root"}`
  if (/doas: (?:command )?not found|unknown command:? .?doas|exec: doas: /i.test(said))
    return tell(end, "BECOME_REFUSED", "there is no doas", "install it there, or become by sudo")
  if (/Auth\w+ required|password is required/i.test(said))
    return tell(
      end,
      "BECOME_PASSWORD_MISSING",
      "doas asks for a password, and it takes none but from a terminal",
      `let doas.conf there say: ${line}`,
    )
  if (/Operation not permitted|not enabled|doas\.conf/.test(said))
    return tell(end, "BECOME_REFUSED", "doas does not permit it", `let doas.conf there say: ${line}`)
  if (/^doas: /m.test(said)) return tell(end, "BECOME_REFUSED", "doas refuses", `let doas.conf there say: ${line}`)
  return undefined
}

/** Sudoers lists commands and a shell is none of them: all that this tool does goes through one shell. */
function onlyCommands(end: BecomeEnd): FettleError {
  const user = end.become.user ?? "root"
  const commands = (end.allowed ?? "")
    .split(/may run the following commands[^\n]*\n/)
    .slice(1)
    .join("")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
  const list = commands.length === 0 ? "" : `; it lets ${who(end)} run only ${commands.join(", ").slice(0, 400)}`
  return tell(
    end,
    "BECOME_REFUSED",
    `sudo does not let a shell run as ${user}${list}`,
    `let sudoers there say: ${who(end)} ALL=(${user}) NOPASSWD: /bin/sh`,
  )
}

/** The user that logged in, where sudo names it. */
function who({ said, allowed }: BecomeEnd): string {
  const found =
    /user (\S+) is not allowed|^(\S+) is not in the sudoers/m.exec(said) ?? /^User (\S+) may run/m.exec(allowed ?? "")
  return found?.[1] ?? found?.[2] ?? "USER"
}

function tell(end: BecomeEnd, code: Code, fact: string, next: string): FettleError {
  const words = end.said.trim()
  return new FettleError(code, `${end.target}: ${fact}`, {
    next,
    ...(words === "" ? {} : { cause: `it says: ${words}` }),
  })
}
