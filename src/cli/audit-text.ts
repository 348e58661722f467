import type { Fact } from "../audit/fact.ts"

/** Characters of a hash that tell it apart from the others. */
const SHORT = 12

/** An entry in words; who prints it escapes them. */
export function factText(fact: Fact, command: string): string {
  switch (fact.type) {
    case "run.started":
      return [
        `${command} begun`,
        ...(fact.program === undefined ? [] : [`program ${fact.program.slice(0, SHORT)}`]),
        ...(fact.asked === undefined ? [] : [fact.asked.join(" ")]),
        ...(fact.forced === undefined ? [] : [`forced: ${fact.forced.join(", ")}`]),
      ].join("; ")
    case "lock.overtaken":
      return `took over the lock of ${fact.from.who} (fettle ${fact.from.command}, since ${fact.from.since})`
    case "plan.accepted":
      return [
        `plan ${fact.plan.slice(0, SHORT)} accepted (${fact.consent}): ${counted(fact.changes)}`,
        ...(fact.madeBy === undefined ? [] : [`made by ${fact.madeBy}`]),
        ...(fact.approvals ?? []).map(
          ({ name, at, by }) => `approved by ${name} at ${at}${by === "link" ? " by a link" : ""}`,
        ),
      ].join("; ")
    case "targets.seen":
      return Object.entries(fact.targets)
        .map(([name, identity]) => `${name} is ${identity}`)
        .join("; ")
    case "secrets.opened":
      return `opened ${fact.names.length === 1 ? "secret" : "secrets"} ${fact.names.join(", ")}`
    case "by.hand":
      return fact.what
    case "exec.started":
      return `ran ${JSON.stringify(fact.argv)} on ${fact.hosts.join(", ")}`
    case "key.changed":
      return `changed the data key from ${fact.from} to ${fact.to}`
    case "record.begun.anew":
      return `began this record anew; ${fact.entries} entries were set aside (sha256 ${fact.sha256.slice(0, SHORT)}): ${fact.because}`
    case "run.ended":
      return [
        `${command} ended: ${fact.outcome}, exit code ${fact.exitCode}`,
        ...(fact.plan === undefined ? [] : [`plan ${fact.plan.slice(0, SHORT)}`]),
        ...(fact.counts === undefined || Object.keys(fact.counts).length === 0 ? [] : [counted(fact.counts)]),
        ...(fact.error === undefined ? [] : [fact.error]),
      ].join("; ")
  }
}

function counted(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")
}
