import { expect, test } from "vitest"
import { HUB, hostOfKey, registryOf } from "./image-registry.ts"

test.each([
  ["busybox", HUB],
  ["library/busybox:1", HUB],
  ["docker.io/library/busybox", HUB],
  ["registry.test/shop/web", "registry.test"],
  ["registry.test:5000/web:1", "registry.test:5000"],
  ["localhost/web", "localhost"],
  ["web:5000", HUB], // a tag, not a port
  ["[::1]:5000/web", "[::1]:5000"],
])("%s is of %s", (image, registry) => {
  expect(registryOf(image)).toBe(registry)
})

test.each([
  ["https://registry.test/v2/", "registry.test"],
  ["registry.test:5000", "registry.test:5000"],
  ["https://index.docker.io/v1/", HUB],
  ["docker.io", HUB],
])("the key %s means %s", (key, host) => {
  expect(hostOfKey(key)).toBe(host)
})
