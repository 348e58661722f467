// A package registry in small: one package, whose versions are published while the example runs.
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Listening, listen, start } from "../story.ts"

interface Published {
  bytes: Buffer
  readonly integrity: string
}

export class Registry {
  readonly #versions = new Map<string, Published>()
  readonly #folder: string
  readonly #server: Listening

  private constructor(folder: string, server: Listening) {
    this.#folder = folder
    this.#server = server
  }

  static async start(folder: string): Promise<Registry> {
    const server = await listen((request, response) => {
      const version = /greeter-([\d.]+)\.tgz$/.exec(request.url ?? "")?.[1]
      const found = version === undefined ? undefined : registry.#versions.get(version)
      response.statusCode = version !== undefined && found === undefined ? 404 : 200
      response.end(version === undefined ? registry.#description() : found?.bytes)
    })
    const registry: Registry = new Registry(folder, server)
    return registry
  }

  get url(): string {
    return `${this.#server.url}/`
  }

  address(version: string): string {
    return `${this.url}greeter-${version}.tgz`
  }

  integrity(version: string): string {
    return this.#versions.get(version)?.integrity ?? ""
  }

  /** What npm asks where no lockfile tells it the version. */
  #description(): string {
    const versions = [...this.#versions.keys()]
    const each = (version: string) => ({
      name: "greeter",
      version,
      dist: { tarball: this.address(version), integrity: this.integrity(version) },
    })
    return JSON.stringify({
      name: "greeter",
      "dist-tags": { latest: versions.at(-1) },
      versions: Object.fromEntries(versions.map((version) => [version, each(version)])),
    })
  }

  async publish(version: string, source: string): Promise<void> {
    const bytes = await this.#pack(version, source)
    this.#versions.set(version, { bytes, integrity: `sha512-${createHash("sha512").update(bytes).digest("base64")}` })
  }

  /** Other bytes under a version that is out already, as somebody who took the registry over would do. */
  async tamper(version: string, source: string): Promise<void> {
    const published = this.#versions.get(version)
    if (published !== undefined) published.bytes = await this.#pack(version, source)
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  async #pack(version: string, source: string): Promise<Buffer> {
    const place = join(this.#folder, "package")
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, "package.json"), JSON.stringify({ name: "greeter", version, main: "index.js" }))
    writeFileSync(join(place, "index.js"), source)
    const file = join(this.#folder, "greeter.tgz")
    await start(["tar", "-czf", file, "-C", this.#folder, "package"])
    return readFileSync(file)
  }
}
