import type { AnyProvider } from "../provider.ts"

/** The kinds that come with Fettle, each loaded only when state names it. A closed table: state never names code. */
const KINDS: Readonly<Record<string, () => Promise<AnyProvider>>> = {
  "docker.container": async () => (await import("../docker.ts")).container,
  "docker.image": async () => (await import("../docker.ts")).image,
  "docker.network": async () => (await import("../docker.ts")).network,
  "docker.volume": async () => (await import("../docker.ts")).volume,
  "ansible.module": async () => (await import("../ansible.ts")).module,
  "ansible.playbook": async () => (await import("../ansible.ts")).playbook,
  "fettle.version": async () => (await import("../program/release-version.ts")).releaseVersion,
  "haproxy.server": async () => (await import("../haproxy.ts")).server,
  "host.archive": async () => (await import("../host.ts")).archive,
  "host.authorizedKey": async () => (await import("../host.ts")).authorizedKey,
  "host.block": async () => (await import("../host.ts")).block,
  "host.command": async () => (await import("../host.ts")).command,
  "host.cron": async () => (await import("../host.ts")).cron,
  "host.directory": async () => (await import("../host.ts")).directory,
  "host.download": async () => (await import("../host.ts")).download,
  "host.facts": async () => (await import("../host.ts")).facts,
  "host.file": async () => (await import("../host.ts")).file,
  "host.firewall": async () => (await import("../host.ts")).firewall,
  "host.git": async () => (await import("../host.ts")).git,
  "host.line": async () => (await import("../host.ts")).line,
  "host.group": async () => (await import("../host.ts")).group,
  "host.hostname": async () => (await import("../host.ts")).hostname,
  "host.link": async () => (await import("../host.ts")).link,
  "host.mount": async () => (await import("../host.ts")).mount,
  "host.nodeProject": async () => (await import("../host.ts")).nodeProject,
  "host.package": async () => (await import("../host.ts")).package,
  "host.process": async () => (await import("../host.ts")).process,
  "host.pythonEnvironment": async () => (await import("../host.ts")).pythonEnvironment,
  "host.repository": async () => (await import("../host.ts")).repository,
  "host.script": async () => (await import("../host.ts")).script,
  "host.service": async () => (await import("../host.ts")).service,
  "host.sysctl": async () => (await import("../host.ts")).sysctl,
  "host.timer": async () => (await import("../host.ts")).timer,
  "host.timezone": async () => (await import("../host.ts")).timezone,
  "host.tree": async () => (await import("../host.ts")).tree,
  "host.unit": async () => (await import("../host.ts")).unit,
  "host.user": async () => (await import("../host.ts")).user,
  "host.value": async () => (await import("../host.ts")).value,
  "http.object": async () => (await import("../http.ts")).object,
  "sqlite.migrations": async () => (await import("../sqlite.ts")).migrations,
}

/** The provider of a built-in kind; undefined for any other name. */
export async function builtInKind(kind: string): Promise<AnyProvider | undefined> {
  return Object.hasOwn(KINDS, kind) ? KINDS[kind]?.() : undefined
}

/** Names of all built-in kinds. */
export function builtInKinds(): readonly string[] {
  return Object.keys(KINDS)
}

/** What each built-in kind says of props: why they are none of it, or undefined where they are. */
export async function builtInMisfits(): Promise<
  ReadonlyMap<string, (props: Readonly<Record<string, unknown>>) => string | undefined>
> {
  const kinds = await Promise.all(Object.entries(KINDS).map(async ([name, load]) => [name, await load()] as const))
  return new Map(
    kinds.map(([name, { props: schema }]) => [name, (props) => schema.safeParse(props).error?.issues[0]?.message]),
  )
}
