/** Every group of cases, under its name. */
import type { Case } from '../case.ts'
import { age } from './age.ts'
import { answerFields } from './answer-fields.ts'
import { cacheControl } from './cache-control.ts'
import { cacheStatus } from './cache-status.ts'
import { cdn } from './cdn.ts'
import { collapsing } from './collapsing.ts'
import { conditional } from './conditional.ts'
import { credentials } from './credentials.ts'
import { freshness } from './freshness.ts'
import { interim } from './interim.ts'
import { invalidation } from './invalidation.ts'
import { messages } from './messages.ts'
import { methods } from './methods.ts'
import { numbers } from './numbers.ts'
import { partial } from './partial.ts'
import { ranges } from './ranges.ts'
import { requestDirectives } from './request-directives.ts'
import { requestFields } from './request-fields.ts'
import { stale } from './stale.ts'
import { staleWhileRevalidate } from './stale-while-revalidate.ts'
import { statuses } from './statuses.ts'
import { validation } from './validation.ts'
import { vary } from './vary.ts'

export const groups: Readonly<Record<string, readonly Case[]>> = {
  freshness,
  numbers,
  age,
  'cache-control': cacheControl,
  cdn,
  statuses,
  credentials,
  vary,
  conditional,
  validation,
  stale,
  'stale-while-revalidate': staleWhileRevalidate,
  ranges,
  partial,
  methods,
  invalidation,
  'request-fields': requestFields,
  'answer-fields': answerFields,
  messages,
  interim,
  collapsing,
  'request-directives': requestDirectives,
  'cache-status': cacheStatus,
}

export const allCases: readonly Case[] = Object.values(groups).flat()
