import { createHash } from "node:crypto"
import type { AuditSink } from "../../program/audit-sinks.ts"
import { Secret } from "../../secrets/secret.ts"
import { fileSink } from "./file.ts"
import type { Sink } from "./sink.ts"
import { syslogSink } from "./syslog.ts"
import { webhookSink } from "./webhook.ts"

/** What sinks may use. */
export interface SinkDeps {
  /** Folder of the program. */
  readonly folder: string
  /** The environment that commands get. */
  readonly base: Readonly<Record<string, string | undefined>>
  readonly reveal: (secret: Secret<string>) => Promise<string>
}

/** Sinks as a program names them, ready to be sent to. Nothing is opened yet. */
export function sinksFrom(given: readonly AuditSink[], { folder, base, reveal }: SinkDeps): readonly Sink[] {
  return given.map((sink) => {
    const { required = false } = sink
    if ("file" in sink) return fileSink(sink.file, required, folder)
    if ("syslog" in sink) return syslogSink(sink.syslog, sink.facility ?? "auth", required, base)
    const { webhook, key } = sink
    const login = async () => ({
      url: typeof webhook === "string" ? webhook : await reveal(webhook),
      key: await reveal(key),
    })
    return webhookSink(`webhook ${idOf(webhook)}`, required, login)
  })
}

/** The path and the query of a webhook may let somebody in. */
function idOf(webhook: string | Secret<string>): string {
  if (webhook instanceof Secret) return webhook.name
  return `${new URL(webhook).origin} ${createHash("sha256").update(webhook).digest("hex").slice(0, 8)}`
}
