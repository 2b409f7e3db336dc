import { KuraError } from '@kura/core'

/** Why a request is aborted whose caller has gone. One for all: its stack would tell nothing. */
export const CALLER_LEFT = new KuraError('cancelled', 'the caller went away')
