import { ansible, ansibleCollections } from "../../bench/peers/install.mjs"
import { need } from "./need.ts"

/** The real Ansible, from PyPI: its venv, and a folder of collections. */
export interface RealAnsible {
  readonly venv: string
  readonly collections: string
}

/** Installs it once into the folder that benchmarks share; undefined, and said aloud, where that cannot be done. */
export function realAnsible(): RealAnsible | undefined {
  let failed = ""
  try {
    return { venv: ansible().folder, collections: ansibleCollections() }
  } catch (thrown) {
    failed = String(thrown)
  }
  need("ansible-core", { install: `node bench/peers/install.mjs (${failed.slice(0, 300)})`, found: () => false })
  return undefined
}
