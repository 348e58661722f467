import { z } from "zod"
import { type ChangeParts, type HostAnswer, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import { textDiff } from "../../events/text-diff.ts"
import type { Change, Key, Last, Seen } from "../../provider.ts"
import { hostPath } from "./props.ts"
import { notOfType } from "./refused.ts"
import { serviceText, sha256Of, timerText, unitFile } from "./timer-units.ts"

/** Exit code where systemd does not run the host. */
const NO_SYSTEMD = 33
/** Most bytes of a unit file that are compared. */
const UNIT_MAX = 20_000

const word = z.string().regex(/^[^\0\r\n]*$/, "a unit file holds no newline in a value")

const props = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9:_.-]{0,199}$/, "a name of a unit is letters, digits, :, _, . and -")
      .describe("Of both units, without their endings."),
    calendar: word
      .min(1)
      .optional()
      .describe('When it runs, as systemd writes it: "daily", "Mon..Fri 04:05", "*-*-01 00:00:00".'),
    every: word
      .regex(/^\d+(us|ms|s|min|h|d|w|month|y)?( \d+(us|ms|s|min|h|d|w|month|y))*$/, 'a time of systemd, as in "15min"')
      .optional()
      .describe(
        'In place of calendar: how long after its last run, as in "15min"; first so long after the start of the host.',
      ),
    command: z.tuple([hostPath], word).describe("The argument list; its first word is an absolute path. No shell."),
    user: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "a user is a name")
      .optional()
      .describe("As whom it runs. Default: root."),
    cwd: hostPath.optional().describe("Where it runs. Default: /."),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable is letters, digits and _"), word)
      .default({})
      .describe(
        "Its environment. Everybody can read a unit file: a secret goes into a host.file that the command reads.",
      ),
    persistent: z
      .boolean()
      .default(true)
      .describe("With calendar: a run that was missed while the host was off is made up for."),
    randomDelay: word
      .optional()
      .describe('A run begins up to so much later, as in "5min", so that many hosts do not begin at once.'),
    description: word.max(200).optional().describe("Default: the name."),
  })
  .superRefine((given, context) => {
    if ((given.calendar === undefined) === (given.every === undefined))
      context.addIssue({ code: "custom", message: "give either calendar or every" })
  })

const outputs = z.object({
  name: z.string(),
  /** SHA-256 as hex of NAME.service and of NAME.timer. */
  service: z.string(),
  timer: z.string(),
  enabled: z.boolean(),
  active: z.boolean(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A command that systemd runs at its times: a timer and the service that it starts, as unit files of their own.
 * @example resource(host.timer, { name: "shop-backup", calendar: "04:05", command: ["/srv/shop/backup"] }, { on: web })
 */
export const timer = hostKind({
  kind: "host.timer",
  version: 1,
  about: "A command that systemd runs at its times: a timer and its service, as unit files.",
  props,
  outputs,
  stable: ["name"],
  id: (want) => want.name,
  predict: (want) => ({
    name: want.name,
    service: sha256Of(serviceText(want)),
    timer: sha256Of(timerText(want)),
    enabled: true,
    active: true,
  }),
  question: ({ id, want, last }) => {
    const name = want?.name ?? id ?? last?.outputs.name ?? ""
    return { sha256: [unitFile(name, "service"), unitFile(name, "timer")], script: readScript(name) }
  },
  answer,
  plan,
  change: changeTimer,
  removal,
  result: (_, want) => ({
    name: want.name,
    service: sha256Of(serviceText(want)),
    timer: sha256Of(timerText(want)),
    enabled: true,
    active: true,
  }),
  failure: ({ exitCode }) => (exitCode === NO_SYSTEMD ? noSystemd() : undefined),
})

/** Prints what systemd says of the timer, and the text of both units, a prefix before each line. */
function readScript(name: string): string {
  const unit = (ending: "service" | "timer"): string =>
    `[ ! -f ${quote(unitFile(name, ending))} ] || head -c ${UNIT_MAX} <${quote(unitFile(name, ending))} | sed 's/^/${ending}=/'`
  const timer = quote(`${name}.timer`)
  return `[ -d /run/systemd/system ] && command -v systemctl >/dev/null || exit ${NO_SYSTEMD}
echo "enabled=$(systemctl is-enabled -- ${timer} 2>/dev/null)"
echo "active=$(systemctl is-active -- ${timer} 2>/dev/null)"
${unit("service")}
${unit("timer")}`
}

function noSystemd(): FettleError {
  return new FettleError("HOST_TOOLS", "the host is not run by systemd, so there are no timers", {
    next: "use host.cron there",
  })
}

function answer({ id, want, last }: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const name = want?.name ?? id ?? last?.outputs.name ?? ""
  const { exitCode = 1, out = "" } = found.script ?? {}
  if (exitCode === NO_SYSTEMD) return { failed: noSystemd() }
  if (exitCode !== 0)
    return { failed: new FettleError("READ_FAILED", `${name}: ${out.trim() || `exit code ${exitCode}`}`) }
  const hashes: string[] = []
  for (const ending of ["service", "timer"] as const) {
    const at = found.path(unitFile(name, ending))
    if (at !== "absent" && ("failed" in at || at.type !== "file"))
      return { failed: notOfType(unitFile(name, ending), at, "file") }
    hashes.push(at === "absent" ? "" : (at.sha256 ?? ""))
  }
  const [service = "", timer = ""] = hashes
  if (service === "" && timer === "") return { absent: true }
  const lines = out.split("\n")
  const of = (prefix: string): string[] =>
    lines.filter((each) => each.startsWith(`${prefix}=`)).map((each) => each.slice(prefix.length + 1))
  const text = (prefix: string): string =>
    of(prefix)
      .map((each) => `${each}\n`)
      .join("")
  const outputs = {
    name,
    service,
    timer,
    enabled: of("enabled")[0] === "enabled",
    active: of("active")[0] === "active",
  }
  return { outputs, shown: { serviceText: text("service"), timerText: text("timer") } }
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  const [service, timer] = [serviceText(want), timerText(want)]
  if (!("outputs" in seen)) return { action: "create", text: textDiff("", timer + service) }
  const { outputs: at, shown } = seen
  const moved = { service: sha256Of(service) !== at.service, timer: sha256Of(timer) !== at.timer }
  const because = [
    moved.timer ? ["the timer differs"] : [],
    moved.service ? ["the service differs"] : [],
    at.enabled ? [] : ["it is not enabled"],
    at.active ? [] : ["it is not active"],
  ].flat()
  if (because.length === 0) return { action: "none" }
  const names: (keyof Want & string)[] = [
    ...(moved.timer || !moved.service
      ? [want.calendar === undefined ? ("every" as const) : ("calendar" as const)]
      : []),
    ...(moved.service ? ["command" as const] : []),
  ]
  const before = `${shown?.timerText ?? ""}${shown?.serviceText ?? ""}`
  const text = moved.service || moved.timer ? { text: textDiff(before, timer + service) } : {}
  return { action: "update", props: names, because: because.join("; "), ...text }
}

function changeTimer({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  const expect = (hash: string | undefined): string => (hash === undefined || hash === "" ? "absent" : hash)
  const at = "outputs" in seen ? seen.outputs : undefined
  const unit = quote(`${want.name}.timer`)
  return {
    puts: [
      { path: unitFile(want.name, "service"), content: serviceText(want), mode: "0644", expect: expect(at?.service) },
      { path: unitFile(want.name, "timer"), content: timerText(want), mode: "0644", expect: expect(at?.timer) },
    ],
    script: `[ -d /run/systemd/system ] || exit ${NO_SYSTEMD}
systemctl daemon-reload && systemctl enable -q -- ${unit} && systemctl restart -- ${unit}`,
  }
}

/** Stops it before its files go; a run that is under way ends by itself. */
function removal(seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): HostChange {
  const at = "outputs" in seen ? seen.outputs : last?.outputs
  if (at === undefined || "absent" in seen) return {}
  const file = (ending: "service" | "timer"): string => quote(unitFile(at.name, ending))
  const still = (ending: "service" | "timer"): string =>
    `h=$(sha256sum <${file(ending)}) || exit 20; [ "\${h%% *}" = ${quote(at[ending])} ] || exit 10`
  return {
    script: `[ -d /run/systemd/system ] || exit ${NO_SYSTEMD}
if [ -f ${file("timer")} ]; then ${still("timer")}; systemctl disable -q --now -- ${quote(`${at.name}.timer`)} || exit 20; fi
if [ -f ${file("service")} ]; then ${still("service")}; fi
rm -f -- ${file("timer")} ${file("service")} && systemctl daemon-reload`,
  }
}
