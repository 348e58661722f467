import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { buildImage } from "../../src/connect/docker/build-image.ts"
import { canStartRegistries, DockerRegistry } from "./docker-registry.ts"
import { canStartEngines, closeAll, DockerWorld, open, openedSecret, stopEngines } from "./docker-world.ts"

const run = canStartEngines()
let context: string

beforeEach(() => {
  context = mkdtempSync(join(tmpdir(), "fettle-build-"))
  return () => rmSync(context, { recursive: true, force: true })
})

afterAll(async () => {
  await closeAll()
  await stopEngines()
})

describe.skipIf(!run || !canStartRegistries())("a base image of a registry that asks who it is", () => {
  test.each(["buildkit", "old"] as const)(
    "is pulled with the connection's credentials (%s)",
    async (builder) => {
      const user = { username: "ci", password: "correct-horse-battery" }
      const registry = await DockerRegistry.start({ login: user })
      const world = await DockerWorld.start()
      try {
        const image = `${registry.host}/team/base:1`
        world.image(image)
        world.dockerWith(user.password, "login", registry.host, "-u", user.username, "--password-stdin")
        world.docker("push", image)
        world.docker("logout", registry.host)
        world.docker("rmi", image)
        writeFileSync(join(context, "Dockerfile"), `FROM ${image}\nRUN echo built > /b\n`)
        const as = async (password: string) => {
          const login = { username: user.username, password: openedSecret("registry", password) }
          return (await open({ host: world.host, registries: { [registry.host]: login } })).client
        }
        const build = { context, builder, network: "none" }
        const wrong = await buildImage(await as("wrong-horse-battery"), build).catch((error: unknown) => error)
        expect(wrong).toMatchObject({ code: "BASE_IMAGE_UNAVAILABLE" })
        expect(JSON.stringify(wrong)).not.toContain("horse")
        await expect(buildImage((await open({ host: world.host })).client, build)).rejects.toMatchObject({
          code: "BASE_IMAGE_UNAVAILABLE",
        })
        const { imageId } = await buildImage(await as(user.password), build)
        expect(world.docker("image", "inspect", "-f", "{{.Id}}", imageId)).toBe(imageId)
        expect(world.log).not.toContain(user.password)
      } finally {
        await registry.stop()
      }
    },
    120_000,
  )
})

describe.skipIf(!run)("an Engine whose disk is full", () => {
  test.each(["buildkit", "old"] as const)(
    "rejects the build (%s)",
    async (builder) => {
      const disk = mkdtempSync(join(tmpdir(), "fettle-disk-"))
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "none", disk])
      try {
        mkdirSync(join(disk, "data"))
        const world = await DockerWorld.start({ args: () => ["--data-root", join(disk, "data")] })
        world.image("base:1")
        writeFileSync(
          join(context, "Dockerfile"),
          "FROM base:1\nRUN echo writing; dd if=/dev/urandom of=/big bs=1M count=60\n",
        )
        const { client } = await open({ host: world.host })
        const error = await buildImage(client, { context, builder, network: "none" }).catch((thrown: unknown) => thrown)
        expect(error).toMatchObject({
          code: "BUILD_NO_SPACE",
          details: { step: expect.stringMatching(/RUN echo writing/) },
        })
        await world.remove()
      } finally {
        execFileSync("umount", ["-l", disk])
        rmSync(disk, { recursive: true, force: true })
      }
    },
    120_000,
  )
})
