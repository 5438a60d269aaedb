/** What the tests against a real Ceph RGW share: one gateway a file, origins that must leak nothing, and uploads. */
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished } from 'vitest'
import type { Origin, OriginRequest } from '../../src/origin/origin.ts'
import { createS3Origin, type S3OriginOptions } from '../../src/origin/s3.ts'
import { bytesOf, describeEachTransport, RecordingLog, transportUnderTest } from '../origin/fixture.ts'
import { missingRgwProgram, type Rgw, startRgw } from '../support/ceph-rgw.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { leftOut } from '../support/programs.ts'

/** Tests that share one gateway, for each transport, or one plain line where it cannot be started. */
export function describeWithRgw(what: string, tests: (gateway: () => Rgw) => void): void {
  const missing = missingRgwProgram()
  if (missing !== undefined) leftOut(what, `${missing} is not installed`)
  describe.skipIf(missing !== undefined)(what, () => {
    let rgw: Rgw | undefined
    beforeAll(async () => {
      rgw = await startRgw()
    })
    beforeEach(async () => {
      // A test that failed with the gateway stopped is not to fail the next one too.
      if (rgw?.gatewayPid === undefined) await rgw?.startGateway()
    })
    afterAll(async () => {
      await rgw?.close()
    })
    const gateway = () => {
      if (rgw === undefined) throw new Error('the gateway is there while tests run, not before')
      return rgw
    }
    describeEachTransport(() => tests(gateway))
  })
}

export interface RgwOrigin {
  readonly origin: Origin
  readonly log: RecordingLog
  fetch(key: string, request?: Partial<OriginRequest>): ReturnType<Origin['fetch']>
  /** The answer with all of its bytes; undefined where it has no body. */
  whole(key: string, request?: Partial<OriginRequest>): Promise<WholeAnswer>
}

export interface WholeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Buffer | undefined
}

/** An origin with one attempt a fetch, signing as the bucket's owner. The test fails if a socket is not given back. */
export function rgwOrigin(rgw: Rgw, overrides: Partial<S3OriginOptions> = {}): RgwOrigin {
  const log = new RecordingLog()
  const options: S3OriginOptions = {
    endpoint: rgw.endpoint,
    region: rgw.region,
    bucket: rgw.bucket,
    credentials: rgw.credentials,
    forcePathStyle: true,
    keyPrefix: '',
    pool: {
      maxSockets: 20,
      maxFreeSockets: 5,
      connectTimeoutMs: 5_000,
      responseTimeoutMs: 30_000,
      idleTimeoutMs: 30_000,
      stallTimeoutMs: 15_000,
      acquisitionWarningMs: 1_000,
      maxQueued: 100,
    },
    limits: { requestsPerSecond: undefined, queueTimeoutMs: 10_000 },
    transport: transportUnderTest(),
    mode: 'standard',
    ...overrides,
  }
  const origin = createS3Origin('spaces', options, { clock: new FakeClock(), log })
  onTestFinished(async () => {
    expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 })
    await origin.close()
  })
  const fetch: RgwOrigin['fetch'] = (key, request) =>
    origin.fetch({ key, priority: 'segment', signal: new AbortController().signal, ...request })
  return {
    origin,
    log,
    fetch,
    whole: async (key, request) => {
      const response = await fetch(key, request)
      const { status, headers, body } = response
      return { status, headers, bytes: body && (await bytesOf(response)) }
    },
  }
}

type Put = Omit<PutObjectCommandInput, 'Bucket' | 'Key' | 'Body'> & {
  /** Sent as it is, where the SDK would insist on a date. */
  readonly rawExpires?: string
}

/** Puts an object and resolves to its ETag. */
export async function put(rgw: Rgw, key: string, bytes: Buffer, options: Put = {}): Promise<string> {
  const { rawExpires, ...input } = options
  const command = new PutObjectCommand({ Bucket: rgw.bucket, Key: key, Body: bytes, ...input })
  if (rawExpires !== undefined) {
    command.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> }
        headers['expires'] = rawExpires
        return next(args)
      },
      { step: 'build' },
    )
  }
  const { ETag = '' } = await rgw.client.send(command)
  return ETag
}

/** Puts an object in several parts; all but the last have to have 5 MiB at least. */
export async function putParts(rgw: Rgw, key: string, parts: readonly Buffer[]): Promise<void> {
  const target = { Bucket: rgw.bucket, Key: key }
  const { UploadId } = await rgw.client.send(new CreateMultipartUploadCommand(target))
  const uploaded = await Promise.all(
    parts.map(async (part, index) => {
      const PartNumber = index + 1
      const { ETag } = await rgw.client.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body: part }))
      return { PartNumber, ETag }
    }),
  )
  await rgw.client.send(
    new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: uploaded } }),
  )
}
