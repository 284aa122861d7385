import SANCommands

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

let status = await CommandLineTool.main()
// A call of a storage library that nobody waits for any more may still be running. What exit(3) has destroyed then it would use: librados
// 16.2 aborts the process ("boost::bad_get").
fflush(nil)
_exit(status)
