import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFailed, onTestFinished } from "vitest"

/** Memory that looks like a disk, on Linux. */
const MEMORY = "/dev/shm"

/**
 * As `testFolder`, in memory where that can be: for tests that kill processes, which lose nothing that they have written,
 * synced or not. What a test proves about syncs it must prove elsewhere.
 */
export function memoryFolder(): string {
  const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "fettle-test-"))
  let failed = false
  onTestFailed(() => {
    failed = true
    console.error(`evidence kept in ${folder}`)
  })
  onTestFinished(() => {
    if (!failed) rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
