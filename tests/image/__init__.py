"""The image and the deployment by containers, built and run: `make image`."""
