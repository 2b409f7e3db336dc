/** The version of this program, the same as in the package.json of the whole; a test compares. */
export const KURA_VERSION = '0.1.0'
