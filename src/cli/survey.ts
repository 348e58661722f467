import { openContainerSession } from "../connect/docker/container-host.ts"
import { type HostSession, openSession } from "../connect/host/session.ts"
import type { SshOptions } from "../connect/host/ssh-line.ts"
import { FettleError } from "../errors.ts"
import type { Survey } from "../events/survey.ts"
import { count } from "../report/amounts.ts"
import { Page } from "../report/page.ts"
import { secret } from "../secrets/sources.ts"
import type { DraftedProgram } from "../survey/draft/draft.ts"
import { type SurveyOptions, survey } from "../survey/survey.ts"
import { ask } from "./ask.ts"
import { type Call, countOf } from "./call.ts"
import { engineOptionsOf, isContainer, lookingContext } from "./engine.ts"
import { secretPrompt } from "./secret-prompt.ts"

/** Where a command without a program looks: an ssh destination, this machine, or a container as "docker://NAME". */
export type Target =
  | { readonly destination: string; readonly ssh: SshOptions }
  | { readonly local: true }
  | { readonly word: string }

/** The targets of a command line, `--local` first where it stands for one of them. @throws FettleError `USAGE` */
export function targetsOf(call: Call, amount: number): readonly Target[] {
  const { args, options, command } = call
  const port = countOf("--port", options.port, 1)
  const ssh = {
    ...(options.config === undefined ? {} : { config: options.config }),
    ...(port === undefined ? {} : { port }),
    ...becomeOf(call),
  }
  if (args.length > 0 && args.every(isContainer)) refuseReaching(call)
  const hosts = args.map((word): Target => (isContainer(word) ? { word } : { destination: word, ssh }))
  const targets = options.local === true ? [{ local: true } as const, ...hosts] : hosts
  if (targets.length === amount) return targets
  throw new FettleError(
    "USAGE",
    `fettle ${command} takes ${amount === 1 ? "one host" : `${amount} hosts`}; --local stands for this machine`,
    {
      next: `fettle ${command} ${amount === 1 ? "HOST, or fettle look --local" : "HOST HOST"}`.replace("look", command),
    },
  )
}

/** @throws FettleError `USAGE` */
function refuseReaching({ options: { become, askPassword, port }, command, args }: Call): void {
  if (become === undefined && askPassword !== true && port === undefined) return
  throw new FettleError("USAGE", "--become, --ask-password and --port are for hosts behind ssh, not for containers", {
    next: `fettle ${command} ${String(args[0]).replace("docker://", "docker://root@").slice(0, 80)}`,
  })
}

function becomeOf({ options: { become, askPassword } }: Call): Pick<SshOptions, "become"> {
  if (become !== undefined && become !== "sudo" && become !== "doas")
    throw new FettleError("USAGE", `--become takes sudo or doas, not ${JSON.stringify(become)}`)
  if (askPassword !== true) return become === undefined ? {} : { become }
  if (become === "sudo") return { become: { by: "sudo", password: secret.prompt("sudo", { weak: true }) } }
  throw new FettleError("USAGE", "--ask-password asks for the password of sudo; it needs --become sudo")
}

/** What a person calls it. */
export function nameOf(target: Target): string {
  if ("word" in target) return target.word
  return "local" in target ? "this machine" : target.destination
}

/** Looks at a host and gives what `use` makes of it while the session is open. */
export async function withSurvey<T>(
  target: Target,
  call: Call,
  options: Pick<SurveyOptions, "settings">,
  use: (found: Survey, session: HostSession, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal } = new AbortController()
  const prompt = call.around.canAsk ? secretPrompt({ pause: () => () => {}, stopping: signal }) : undefined
  const session =
    "word" in target
      ? await openContainerSession(target.word, engineOptionsOf(call), lookingContext(call, signal))
      : await openSession({
          ...("local" in target ? {} : await reached(target, call)),
          signal,
          log: (text) => process.stderr.write(`${text}\n`),
          ...(prompt === undefined ? {} : { ask: prompt }),
        })
  try {
    return await use(
      await survey(session, nameOf(target), { ...options, signal, now: () => new Date() }),
      session,
      signal,
    )
  } finally {
    await session.close()
  }
}

interface Found {
  readonly found: Survey
  readonly session: HostSession
}

/** Looks at two hosts, and gives what `use` makes of both while their sessions are open. */
export function withSurveys<T>(
  targets: readonly Target[],
  call: Call,
  use: (left: Found, right: Found, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [left, right] = targets as readonly [Target, Target]
  return withSurvey(left, call, { settings: true }, (found, session) =>
    withSurvey(right, call, { settings: true }, (other, second, signal) =>
      use({ found, session }, { found: other, session: second }, signal),
    ),
  )
}

/** A password for sudo is asked for once, where `--ask-password` says that there is one. */
async function reached({ destination, ssh }: Extract<Target, { destination: string }>, { options, around }: Call) {
  if (options.askPassword !== true) return { destination, ssh }
  if (!around.canAsk) throw new FettleError("BECOME_PASSWORD_MISSING", "nobody is there to be asked for the password")
  const password = await ask(`password for sudo on ${destination}: `, undefined, { hidden: true })
  return { destination, ssh, password }
}

/** Says on standard error what a drafted program holds: standard output is the program. */
export function tellDraft({ counts, leftOut }: DraftedProgram, nothing: string, { around, options }: Call): void {
  const page = new Page({ color: around.color && options.color, columns: around.columns() })
  const amounts = [...counts].map(([kind, amount]) => `${count(amount)} ${kind}`)
  page.add([["green", "= "], amounts.length === 0 ? nothing : amounts.join(", ")], 2)
  if (leftOut.length > 0)
    page.add([["yellow", "! "], `${count(leftOut.length)} left out: the comments in the program say what and why`], 2)
  page.add([["cyan", "next  "], "put it into fettle.ts, then: fettle plan"], 6)
  process.stderr.write(`${page.lines.join("\n")}\n`)
}
