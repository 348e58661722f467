/** Credentials of registries, as the Engine takes them. They are read when they are first asked for. */
export interface RegistryLogins {
  /**
   * For the header `X-Registry-Auth` of a pull or a push.
   * @param image as in "registry.test:5000/shop/web:1"
   * @returns the header's text; undefined where nothing is known for its registry
   * @throws FettleError `DOCKER_CREDENTIALS`
   */
  headerFor(image: string): Promise<string | undefined>
  /** For the header `X-Registry-Config` of a build, which may pull from several. @throws FettleError `DOCKER_CREDENTIALS` */
  buildHeader(): Promise<string | undefined>
  /** The credentials themselves, for the session of a build. `registry` as in "registry.test:5000". */
  loginTo(registry: string): Promise<RegistryLogin | undefined>
}

/** What is shown to a registry. */
export type RegistryLogin =
  | { readonly username: string; readonly password: string }
  | { readonly identityToken: string }
