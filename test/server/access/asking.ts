/** What a token is held against, in tests of one scheme. */
import type { TokenRequest } from '../../../src/server/access/token-scheme.ts'

/** Epoch seconds. */
export const NOW = 1_598_000_000

export function asking(
  sentPath: string,
  more: { readonly client?: string; readonly atSeconds?: number } = {},
): TokenRequest {
  const { client, atSeconds = NOW } = more
  return {
    path: decodeURIComponent(sentPath),
    sentPath,
    nowMs: atSeconds * 1000,
    client: () => {
      if (client === undefined) throw new Error('nothing here names a client')
      return client
    },
  }
}
