import type { Bench } from "./context.ts"
import { contextPart } from "./docker/context.ts"
import { demuxPart } from "./docker/demux.ts"
import { planPart } from "./docker/plan.ts"

const PARTS = { demux: demuxPart, context: contextPart, plan: planPart }

/** `npm run bench -- docker [demux] [context] [plan]`: what Fettle's client of the Engine does beside docker-modem and tar-fs, on which dockerode stands, and a plan beside Docker Compose. */
export default async (bench: Bench): Promise<void> => {
  const chosen = Object.entries(PARTS).filter(([name]) => bench.args.length === 0 || bench.args.includes(name))
  for (const [, part] of chosen) await part(bench)
}
