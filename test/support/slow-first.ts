import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")
/** The files that take longest, the longest first: begun last, one of them would keep a single worker busy at the end. */
const SLOW = [
  "crash/late-far-side",
  "crash/release-kill",
  "live/release-lasting",
  "live/release",
  "live/docker-replacing",
  "live/store-postgres",
  "live/store-bucket",
  "crash/thirty-nodes",
  "crash/sync",
  "live/host-process",
  "crash/host-cut",
  "crash/host-kill",
  "crash/docker-kill",
  "crash/ansible-kill",
  "live/host-environments",
  "live/draft",
  "live/host-systemd",
  "live/docker-logs",
  "cli/line",
  "cli/exec",
  "live/ansible-modules",
].map((name) => `/test/${name}.test.ts`)

for (const file of SLOW)
  if (!existsSync(`${ROOT}${file}`)) throw new Error(`there is no ${file}: mend the list of slow tests`)

/** Begins with the slow files; the others follow as vitest has them. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rest = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = SLOW.findIndex((name) => moduleId.endsWith(name))
      return at === -1 ? SLOW.length : at
    }
    return rest
      .map((file, at) => ({ file, at }))
      .sort((a, b) => rank(a.file) - rank(b.file) || a.at - b.at)
      .map(({ file }) => file)
  }
}
