/**
 * The sample in three packagings, behind a shield that lets in nobody without a token, with and without TLS, and in front
 * of a bucket that remembers whatever it was asked.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from 'fauxqs'
import { type RunningApp, startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { contentTypeFor } from '../../src/media/types.ts'
import { sign } from '../../src/server/access/sign.ts'
import { HMAC_KEY } from '../support/access-tokens.ts'
import { makeCertificate } from '../support/certificates.ts'
import { packagings } from './packagings.ts'

const BUCKET = 'media'

/** Where tokens are carried, by the path that the media are under. */
export const CARRIERS = { path: '/vod', query: '/tickets', cookie: '/members' } as const
export type Carrier = keyof typeof CARRIERS

export interface GuardedMedia {
  /** Scheme, host and port, with TLS and without. */
  readonly secureSite: string
  readonly plainSite: string
  /** The same file in the bucket itself. */
  straight(file: string): string
  /** What a backend gives to a player: a URL, or the line of a cookie. A token covers the whole packaging. */
  signed(site: string, carrier: Carrier, file: string, expiresSeconds?: number): string
  /** Requests to the bucket since the start, each with its fields, as text. */
  readonly asked: readonly string[]
  readonly lines: readonly string[]
  close(): Promise<void>
}

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600

/** @param page the only site whose players may read the answers */
export async function startGuardedMedia(page: string): Promise<GuardedMedia> {
  const folder = mkdtempSync(join(tmpdir(), 'segment-shield-guarded-'))
  const asked: string[] = []
  const s3 = buildApp({ logger: false })
  s3.addHook('onRequest', async ({ raw }) => void asked.push([raw.method, raw.url, ...raw.rawHeaders].join(' ')))
  await s3.listen({ host: '127.0.0.1', port: 0 })
  const endpoint = `http://127.0.0.1:${(s3.server.address() as AddressInfo).port}`
  await fetch(`${endpoint}/${BUCKET}/`, { method: 'PUT' })
  await Promise.all(
    [...packagings()].map(async ([path, body]) => {
      const headers = { 'Content-Type': contentTypeFor(path, undefined) ?? 'application/octet-stream' }
      const { ok } = await fetch(`${endpoint}/${BUCKET}/${path}`, { method: 'PUT', headers, body })
      if (!ok) throw new Error(`the bucket did not take ${path}`)
    }),
  )
  asked.length = 0
  const lines: string[] = []
  const text = JSON.stringify(configOf(endpoint, page, makeCertificate(undefined, { folder })))
  const app = await startApp(loadConfig({ text, file: 'guarded.yaml' }, {}), {
    log: { write: (line) => void lines.push(line) },
  })
  return {
    ...sitesOf(app),
    straight: (file) => `${endpoint}/${BUCKET}/${file}`,
    signed: (site, carrier, file, expiresSeconds = inAnHour()) => {
      const url = `${site}${CARRIERS[carrier]}/${file}`
      const covers = `${CARRIERS[carrier]}/${file.slice(0, file.indexOf('/') + 1)}`
      const key = { keyName: 'k1', key: HMAC_KEY, name: 'token' }
      const signed = sign({ ...key, url, covers, expiresSeconds, client: undefined, carrier })
      if ('fault' in signed) throw new Error(signed.fault)
      return signed.text
    },
    asked,
    lines,
    close: async () => {
      await app.close()
      await s3.close()
      rmSync(folder, { recursive: true })
    },
  }
}

function sitesOf({ addresses: [secure, plain] }: RunningApp) {
  return { secureSite: `https://127.0.0.1:${secure?.port}`, plainSite: `http://127.0.0.1:${plain?.port}` }
}

function configOf(endpoint: string, page: string, tls: { readonly cert: string; readonly key: string }) {
  const tokens = { scheme: 'hmac', keys: { k1: HMAC_KEY } }
  const cors = { origins: [page] }
  const route = (carrier: Carrier) => ({
    match: `${CARRIERS[carrier]}/**`,
    stripPrefix: CARRIERS[carrier],
    origin: 'bucket',
  })
  return {
    listen: [{ address: '127.0.0.1:0', tls }, { address: '127.0.0.1:0' }],
    origins: {
      bucket: {
        type: 's3',
        endpoint,
        region: 'us-east-1',
        bucket: BUCKET,
        forcePathStyle: true,
        credentials: { accessKeyId: 'demo', secretAccessKey: 'demo-secret' },
      },
    },
    routes: [
      { ...route('path'), cors, access: { tokens: { ...tokens, in: 'path' } }, serverTiming: true },
      { ...route('query'), cors, access: { tokens: { ...tokens, in: 'query' }, rewritePlaylists: true } },
      { ...route('cookie'), cors: { ...cors, credentials: true }, access: { tokens: { ...tokens, in: 'cookie' } } },
    ],
  }
}
