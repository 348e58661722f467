import { createHash } from "node:crypto"
import type { FettleEvent, Subscriber } from "../events/events.ts"
import type { PlannedFinding } from "../events/plan.ts"
import { shortPlace } from "./error-lines.ts"
import { escapeText } from "./escape.ts"

/** A scanner's page shows so many results of one run; GitHub refuses more than 25,000. */
const RESULTS_MAX = 5_000

/**
 * Writes what policies have found as SARIF 2.1.0, which code scanning of GitHub and others show at the line of the program. Written at the
 * end of the run, also where nothing was found: so that what was mended closes.
 * @example events.subscribe(sarifReporter((json) => writeFileSync("fettle.sarif", json), root))
 */
export function sarifReporter(write: (json: string) => void, root: string): Subscriber {
  let version = ""
  let findings: readonly PlannedFinding[] = []
  return (event: FettleEvent) => {
    if (event.type === "run.started") version = event.versions?.fettle ?? ""
    if (event.type === "plan.made") findings = event.plan.findings ?? []
    if (event.type === "run.finished") write(`${JSON.stringify(sarif(findings, root, version), null, 2)}\n`)
  }
}

function sarif(findings: readonly PlannedFinding[], root: string, version: string): unknown {
  const rules = [...Map.groupBy(findings, ({ policy }) => policy)].map(([name, [first]]) => ({
    id: escapeText(name),
    shortDescription: { text: escapeText(name) },
    defaultConfiguration: { level: levelOf(first as PlannedFinding) },
  }))
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "Fettle policies", semanticVersion: version, rules } },
        columnKind: "utf16CodeUnits",
        results: findings.slice(0, RESULTS_MAX).map((each) => resultOf(each, root)),
      },
    ],
  }
}

function levelOf({ level }: PlannedFinding): "error" | "warning" {
  return level === "deny" ? "error" : "warning"
}

function resultOf(finding: PlannedFinding, root: string): unknown {
  const { policy, message, address = "", place } = finding
  const text = escapeText(address === "" ? message : `${address}: ${message}`)
  const [, file, line] = /^(.*?):(\d+)(?::\d+)?$/.exec(place === undefined ? "" : shortPlace(place, root)) ?? []
  const physical =
    file === undefined || file.startsWith("/")
      ? {}
      : { physicalLocation: { artifactLocation: { uri: encodeURI(file) }, region: { startLine: Number(line) } } }
  const logical = address === "" ? {} : { logicalLocations: [{ fullyQualifiedName: escapeText(address) }] }
  const isSomewhere = "physicalLocation" in physical || address !== ""
  return {
    ruleId: escapeText(policy),
    level: levelOf(finding),
    message: { text },
    ...(isSomewhere ? { locations: [{ ...physical, ...logical }] } : {}),
    // The same finding is the same one when lines have moved.
    partialFingerprints: {
      "fettle/v1": createHash("sha256").update(`${policy}\n${address}\n${message}`).digest("hex"),
    },
  }
}
