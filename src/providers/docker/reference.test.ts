import { expect, test } from "vitest"
import { repositoryOf, tagIn, tagOf } from "./reference.ts"

test.each([
  ["busybox", "busybox:latest", "busybox", "latest"],
  ["docker.io/library/busybox:1", "busybox:1", "busybox", "1"],
  ["index.docker.io/shop/web", "shop/web:latest", "shop/web", "latest"],
  ["registry.test:5000/shop/web", "registry.test:5000/shop/web:latest", "registry.test:5000/shop/web", "latest"],
  ["registry.test:5000/shop/web:2", "registry.test:5000/shop/web:2", "registry.test:5000/shop/web", "2"],
  ["shop/web@sha256:12", "shop/web@sha256:12", "shop/web", "sha256:12"],
])("%s is %s", (given, tag, repository, last) => {
  expect(tagOf(given)).toBe(tag)
  expect(repositoryOf(tagOf(given))).toBe(repository)
  expect(tagIn(tagOf(given))).toBe(last)
})
