/** The id of an image, as in "sha256:0123…". */
const IMAGE_ID = /^sha256:[0-9a-f]{64}$/

export function isImageId(image: string): boolean {
  return IMAGE_ID.test(image)
}

/**
 * A tag as the Engine lists it: with ":latest" where none is given, and without what stands for Docker Hub.
 * @example tagOf("docker.io/library/busybox") // "busybox:latest"
 */
export function tagOf(image: string): string {
  const short = image.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, "")
  if (short.includes("@")) return short
  const last = short.slice(short.lastIndexOf("/") + 1)
  return last.includes(":") ? short : `${short}:latest`
}

/** A name without its tag and digest: "registry.test:5000/shop/web". */
export function repositoryOf(image: string): string {
  const name = image.split("@", 1)[0] ?? ""
  const colon = name.lastIndexOf(":")
  return colon > name.lastIndexOf("/") ? name.slice(0, colon) : name
}

/** The tag of a name, as a call of the Engine takes it beside the repository; a digest is one, too. */
export function tagIn(image: string): string {
  const at = image.indexOf("@")
  if (at >= 0) return image.slice(at + 1)
  const colon = image.lastIndexOf(":")
  return colon > image.lastIndexOf("/") ? image.slice(colon + 1) : "latest"
}
