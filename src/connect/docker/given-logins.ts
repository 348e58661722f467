import { FettleError } from "../../errors.ts"
import { Secret } from "../../secrets/secret.ts"

/** Credentials of one registry, as a program gives them. */
export type GivenLogin =
  | { readonly username: string; readonly password: Secret<string> }
  | { readonly identityToken: Secret<string> }

export type GivenLogins = Readonly<Record<string, GivenLogin>>

/** Secrets that opening needs. @throws FettleError `PROPS_INVALID` for a password that is no secret */
export function secretsOfLogins(logins: GivenLogins): readonly Secret<unknown>[] {
  return Object.entries(logins).map(([registry, login]) => {
    const secret = "identityToken" in login ? login.identityToken : login.password
    if (secret instanceof Secret) return secret
    throw new FettleError("PROPS_INVALID", `docker.engine: what opens the registry ${registry} is not a secret`, {
      next: 'give it as one: secret.env("REGISTRY_PASSWORD")',
    })
  })
}
