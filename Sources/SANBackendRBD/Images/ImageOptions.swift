import CCeph
import SANModel

/// `rbd_image_options_t`: what a new image is to be, where it isn't what the cluster or the pool says.
@safe
final class ImageOptions {
    enum Option {
        /// 1 or 2.
        case cloneFormat

        fileprivate var number: Int32 {
            switch self {
            case .cloneFormat: Int32(RBD_IMAGE_OPTION_CLONE_FORMAT)
            }
        }
    }

    /// For one call.
    @unsafe let handle: rbd_image_options_t?

    init() {
        var options: rbd_image_options_t?
        unsafe CephLibrary.functions.rbd_image_options_create(&options)
        unsafe handle = options
    }

    deinit {
        unsafe CephLibrary.functions.rbd_image_options_destroy(handle)
    }

    func set(_ option: Option, _ value: UInt64) {
        // Refused only for an option that librbd doesn't know.
        _ = unsafe CephLibrary.functions.rbd_image_options_set_uint64(handle, option.number, value)
    }
}
