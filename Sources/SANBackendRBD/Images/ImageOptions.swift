import CCeph
import SANModel

/// `rbd_image_options_t`: what a new image is to be, where it isn't what the cluster or the pool says.
@safe
final class ImageOptions {
    /// For one call.
    @unsafe let handle: rbd_image_options_t?

    init(_ settings: ImageSettings? = nil) {
        var options: rbd_image_options_t?
        unsafe CephLibrary.functions.rbd_image_options_create(&options)
        unsafe handle = options
        guard let settings else { return }
        if let size = settings.objectSize { set(RBD_IMAGE_OPTION_ORDER, UInt64(size.bytes.trailingZeroBitCount)) }
        if let striping = settings.striping {
            set(RBD_IMAGE_OPTION_STRIPE_UNIT, striping.unit.bytes)
            set(RBD_IMAGE_OPTION_STRIPE_COUNT, striping.count)
        }
        if let pool = settings.dataPool {
            // Refused only for an option that librbd doesn't know; whether there is such a pool is asked when the image is made.
            _ = unsafe CephLibrary.functions.rbd_image_options_set_string(
                handle, Int32(RBD_IMAGE_OPTION_DATA_POOL), pool)
        }
        if var features = settings.features {
            // librbd wants it named where there are features and stripes.
            if settings.striping != nil { features.insert(.striping) }
            set(RBD_IMAGE_OPTION_FEATURES, ImageFeatures(features).rawValue)
        }
    }

    deinit {
        unsafe CephLibrary.functions.rbd_image_options_destroy(handle)
    }

    func setCloneFormat(_ format: UInt64) { set(RBD_IMAGE_OPTION_CLONE_FORMAT, format) }

    private func set(_ option: Int, _ value: UInt64) {
        // Refused only for an option that librbd doesn't know.
        _ = unsafe CephLibrary.functions.rbd_image_options_set_uint64(handle, Int32(option), value)
    }
}
