/** What the docker command writes into config.json for Docker Hub. */
export const HUB = "https://index.docker.io/v1/"
const HUB_NAMES = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"])

/**
 * The registry of an image: its first part where that has a dot, a colon or is "localhost"; else Docker Hub.
 * @example registryOf("registry.test:5000/shop/web:1") // "registry.test:5000"
 */
export function registryOf(image: string): string {
  const first = image.includes("/") ? image.slice(0, image.indexOf("/")) : ""
  const isHost = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase()
  return isHost && !HUB_NAMES.has(first) ? first : HUB
}

/** A key of config.json as the host that it means: `https://registry.test/v2/` is "registry.test". */
export function hostOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, "").replace(/\/.*$/s, "")
  return HUB_NAMES.has(host) ? HUB : host
}
