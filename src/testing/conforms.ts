import { FettleError } from "../errors.ts"
import type { AnyProvider } from "../provider.ts"
import { Broken, NotAsked } from "./broken.ts"
import { engineRules } from "./engine-rules.ts"
import { faultRules } from "./fault-rules.ts"
import { planRules } from "./plan-rules.ts"
import { readRules } from "./read-rules.ts"
import type { Rule } from "./rule.ts"
import { secretRules } from "./secret-rules.ts"
import { type ConformsOptions, Trial } from "./trial.ts"
import type { World } from "./world.ts"
import { worldRules } from "./world-rules.ts"
import { writeRules } from "./write-rules.ts"

/** What came of looking at one rule. */
export interface Finding {
  /** What must hold. */
  readonly name: string
  readonly ok: boolean
  /** What was seen; where `asked` is false, why the rule does not apply. */
  readonly evidence: string
  readonly asked: boolean
}

/** Names things of their own for every rule and every call, so that none meets what another has left behind. */
let variants = 0

const rules: readonly Rule[] = [
  ...planRules,
  ...readRules,
  ...writeRules,
  ...engineRules,
  ...secretRules,
  ...faultRules,
  ...worldRules,
]

/**
 * Looks whether a kind keeps the contract: on its real far side, through the real engine. Every rule is looked at, also after one
 * does not hold.
 * @throws FettleError `CONTRACT_BROKEN` with every rule that does not hold, and what was seen
 * @example const findings = await conforms(role, world)
 */
export async function conforms<P extends AnyProvider>(
  provider: P,
  world: World<P>,
  options: ConformsOptions = {},
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const rule of rules) findings.push(await lookAt(rule, provider, world as World, options))
  const broken = findings.filter(({ ok }) => !ok)
  if (broken.length > 0) throw notConforming(provider, broken, findings)
  return findings
}

/** What registers a test: `test` of vitest, jest or node:test. */
export type Register = (name: string, run: () => Promise<void>) => unknown

/**
 * Registers one test for each rule.
 * @example
 * import { test } from "vitest"
 * conformsTests(role, world, { test })
 */
export function conformsTests<P extends AnyProvider>(
  provider: P,
  world: World<P>,
  options: ConformsOptions & { readonly test: Register },
): void {
  for (const rule of rules)
    options.test(`${provider.kind}: ${rule.name}`, async () => {
      const finding = await lookAt(rule, provider, world as World, options)
      if (!finding.ok) throw notConforming(provider, [finding], [finding])
    })
}

async function lookAt(rule: Rule, provider: AnyProvider, world: World, options: ConformsOptions): Promise<Finding> {
  const trial = new Trial(provider, world, options, () => (variants += 1))
  const found = await look(rule, trial)
  const kept = await trial.end(!found.ok)
  const evidence = kept.length === 0 ? found.evidence : `${found.evidence} (its state is kept in ${kept.join(", ")})`
  return { name: rule.name, ...found, evidence: trial.shown(evidence) }
}

async function look(rule: Rule, trial: Trial): Promise<Omit<Finding, "name">> {
  try {
    return { ok: true, asked: true, evidence: await rule.look(trial) }
  } catch (thrown) {
    if (thrown instanceof NotAsked) return { ok: true, asked: false, evidence: thrown.message }
    if (thrown instanceof Broken) return { ok: false, asked: true, evidence: thrown.message }
    return { ok: false, asked: true, evidence: `it threw ${thrownWords(thrown)}` }
  }
}

function thrownWords(thrown: unknown): string {
  if (thrown instanceof FettleError) return `${thrown.code}: ${thrown.fact}`
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}

function notConforming(provider: AnyProvider, broken: readonly Finding[], findings: readonly Finding[]): FettleError {
  const lines = broken.map(({ name, evidence }) => `  ✗ ${name}\n    ${evidence}`)
  const count = `${broken.length} of ${findings.length} rules`
  return new FettleError("CONTRACT_BROKEN", `${provider.kind} breaks ${count}:\n${lines.join("\n")}`, {
    details: { findings },
  })
}
