import SANCommands

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

exit(await CommandLineTool.main())
